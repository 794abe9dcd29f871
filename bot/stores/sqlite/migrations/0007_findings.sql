-- What the report of a run counted
alter table runs add column findings text
