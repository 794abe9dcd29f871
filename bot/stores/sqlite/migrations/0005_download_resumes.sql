-- Version 5: a download is known by its id, to resume it or to close it. Older ones count as finished.
alter table downloads add column id text not null default '';
alter table downloads add column finished integer not null default 1;
alter table downloads add column resumes integer not null default 0;
