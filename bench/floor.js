import Database from 'better-sqlite3';

// The floor of a tick: a bare script that opens the same file and makes one query.
const database = new Database(process.argv[2]);
database.prepare('SELECT count(*) AS tasks FROM periodic_task').get();
database.close();
