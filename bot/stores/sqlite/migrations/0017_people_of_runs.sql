-- Version 17: who agreed to a run as the second person, and who stopped it.
alter table runs add column approved_by text;
alter table runs add column stopped_by text;
alter table runs add column stopped_at text
