-- How a run compares with the one before
alter table runs add column trend text
