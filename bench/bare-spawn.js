import { spawn } from 'node:child_process';
import Database from 'better-sqlite3';

// A bare script that opens the file, makes one query and runs one command.
const database = new Database(process.argv[2]);
database.prepare('SELECT count(*) AS tasks FROM periodic_task').get();
const child = spawn('true', [], { stdio: ['ignore', 'pipe', 'pipe'] });
child.stdout.resume();
child.stderr.resume();
child.on('close', () => database.close());
