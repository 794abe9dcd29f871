-- Version 10: what a bot asks of a worker is called an export request.
update jobs set kind = 'export_request' where kind = 'make'
