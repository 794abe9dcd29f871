-- Version 18: who agreed to a stop as the second person.
alter table runs add column stop_approved_by text
