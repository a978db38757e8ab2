CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE experiments (
	id VARCHAR(40) NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	created FLOAT NOT NULL, 
	updated FLOAT NOT NULL, 
	place VARCHAR(60) NOT NULL, 
	engine VARCHAR(40) NOT NULL, 
	settings JSON NOT NULL, 
	environment JSON NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE trials (
	experiment_id VARCHAR(40) NOT NULL, 
	"key" VARCHAR(200) NOT NULL, 
	position INTEGER NOT NULL, 
	done BOOLEAN NOT NULL, 
	data JSON NOT NULL, 
	PRIMARY KEY (experiment_id, "key"), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (id) ON DELETE CASCADE
);
CREATE TABLE "runs" (
	id VARCHAR(40) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	place VARCHAR(255) NOT NULL, 
	created FLOAT NOT NULL, 
	updated FLOAT NOT NULL, 
	attempt INTEGER NOT NULL, 
	out TEXT NOT NULL, 
	source TEXT NOT NULL, 
	engine VARCHAR(40) NOT NULL, 
	error TEXT NOT NULL, 
	error_kind VARCHAR(40) NOT NULL, 
	remedy TEXT NOT NULL, 
	settings JSON NOT NULL, 
	total INTEGER, 
	answered INTEGER, 
	failed INTEGER, priority INTEGER DEFAULT '0' NOT NULL, rank FLOAT, held BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE "items" (
  number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, run_id VARCHAR(40) NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  position INTEGER NOT NULL, item_id TEXT NOT NULL, ok BOOLEAN, result JSON NOT NULL, rating INTEGER,
  prompt TEXT GENERATED ALWAYS AS (coalesce(json_extract(result, '$.prompt'), '')) VIRTUAL,
  answer TEXT GENERATED ALWAYS AS (coalesce(json_extract(result, '$.upsampled_prompt'), '')) VIRTUAL
);
CREATE VIRTUAL TABLE items_text USING fts5(prompt, answer, content='items', content_rowid='number', tokenize='unicode61 remove_diacritics 0');
CREATE TABLE tags (
	number INTEGER NOT NULL, 
	tag VARCHAR(60) NOT NULL, 
	PRIMARY KEY (number, tag), 
	FOREIGN KEY(number) REFERENCES items (number) ON DELETE CASCADE
);
CREATE TABLE slots (
	place VARCHAR(255) NOT NULL, 
	run_id VARCHAR(40), 
	owner VARCHAR(120) NOT NULL, 
	until FLOAT NOT NULL, 
	PRIMARY KEY (place), 
	FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE SET NULL
);
CREATE TABLE switches (
	name VARCHAR(40) NOT NULL, 
	"on" BOOLEAN NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE media (
	id VARCHAR(64) NOT NULL, 
	name TEXT NOT NULL, 
	created FLOAT NOT NULL, 
	size BIGINT NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	frames INTEGER NOT NULL, 
	duration FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE INDEX ix_experiments_created ON experiments (created);
CREATE INDEX ix_experiments_kind ON experiments (kind);
CREATE INDEX ix_runs_state ON runs (state);
CREATE INDEX ix_runs_created ON runs (created);
CREATE UNIQUE INDEX items_by_id ON items (run_id, item_id);
CREATE UNIQUE INDEX items_by_position ON items (run_id, position);
CREATE INDEX items_by_rating ON items (rating);
CREATE INDEX ix_tags_tag ON tags (tag);
CREATE INDEX ix_media_created ON media (created);
CREATE TRIGGER items_added AFTER INSERT ON items BEGIN INSERT INTO items_text (rowid, prompt, answer) VALUES (new.number, new.prompt, new.answer); END;
CREATE TRIGGER items_removed AFTER DELETE ON items BEGIN INSERT INTO items_text (items_text, rowid, prompt, answer) VALUES ('delete', old.number, old.prompt, old.answer); END;
CREATE TRIGGER items_changed AFTER UPDATE OF result ON items BEGIN INSERT INTO items_text (items_text, rowid, prompt, answer) VALUES ('delete', old.number, old.prompt, old.answer); INSERT INTO items_text (rowid, prompt, answer) VALUES (new.number, new.prompt, new.answer); END;
