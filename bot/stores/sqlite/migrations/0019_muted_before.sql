-- Version 19: how many muted runs came right before a run.
alter table runs add column muted_before integer not null default 0
