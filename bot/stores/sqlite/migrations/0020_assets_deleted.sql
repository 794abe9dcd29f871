-- Version 20: whether the assets of a run have become too old.
alter table runs add column assets_deleted integer not null default 0
