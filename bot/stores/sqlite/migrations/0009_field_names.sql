-- Version 9: columns and values carry the names of the fields in bot/models.py.
alter table runs rename column cause to idempotency_key;
alter table runs rename column tally to task_counts;
alter table jobs rename column marker to send_attempted;
alter table links rename column cause to idempotency_key;
alter table links rename column most to max_downloads;
update runs set push_status = 'skipped' where push_status = 'skip';
update runs set export_status = 'skipped' where export_status = 'skip';
update runs set schedule = json_remove(
    json_set(schedule, '$.recipient_options', json(json_extract(schedule, '$.manners'))), '$.manners'
) where json_extract(schedule, '$.manners') is not null
