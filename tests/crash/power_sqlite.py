#!/usr/bin/env python3
"""SQLite under power cuts: transactions of several rows in two tables, each acknowledged commit noted outside.

  power_sqlite.py run DIRECTORY NOTES_DIRECTORY STOP_AFTER
      works until the filesystem fails; after so many commits prints "now"
  power_sqlite.py verify DIRECTORY NOTES_DIRECTORY
      a line for each loss, then "COMMITS commits"
"""
import os
import sqlite3
import sys
import threading

DATABASES = {'wal': ('wal', 'full', 2), 'delete': ('delete', 'full', 1), 'truncate': ('truncate', 'full', 1),
             'persist': ('persist', 'extra', 1)}  # name → journal mode, synchronous, writers
ROWS = 3


def connect(directory, name):
    journal, synchronous, _ = DATABASES[name]
    connection = sqlite3.connect(os.path.join(directory, name + '.db'), timeout=60, isolation_level=None)
    connection.execute(f'PRAGMA journal_mode={journal}')
    connection.execute(f'PRAGMA synchronous={synchronous}')
    return connection


def write(directory, notes, name, writer, acknowledged):
    """Transactions "WRITER.N"; the next one after the highest that the note or the database knows."""
    note = os.open(os.path.join(notes, f'{name}.{writer}'), os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    connection = None
    try:
        connection = connect(directory, name)
        connection.execute('CREATE TABLE IF NOT EXISTS a (writer INTEGER, n INTEGER, row INTEGER, body BLOB, '
                           'PRIMARY KEY (writer, n, row))')
        connection.execute('CREATE TABLE IF NOT EXISTS b (writer INTEGER, n INTEGER, body BLOB)')
        connection.execute('CREATE INDEX IF NOT EXISTS ib ON b (writer, n)')
        last = connection.execute('SELECT max(n) FROM b WHERE writer = ?', (writer,)).fetchone()[0] or 0
        while True:
            last += 1
            connection.execute('BEGIN IMMEDIATE')
            for row in range(ROWS):
                connection.execute('INSERT INTO a VALUES (?, ?, ?, randomblob(?))',
                                   (writer, last, row, last * 37 % 2500))
            connection.execute('INSERT INTO b VALUES (?, ?, randomblob(50))', (writer, last))
            connection.execute('COMMIT')
            os.write(note, f'{last}\n'.encode())
            acknowledged()
    except (sqlite3.Error, OSError) as error:
        print(f'{name}: {error}', file=sys.stderr)


def run(directory, notes, stop_after):
    lock, left = threading.Lock(), [stop_after]

    def acknowledged():
        with lock:
            left[0] -= 1
            if left[0] == 0:
                print('now', flush=True)

    threads = [threading.Thread(target=write, args=(directory, notes, name, writer, acknowledged))
               for name, (_, _, writers) in DATABASES.items() for writer in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if left[0] > 0:
        print('over', flush=True)


def verify_database(directory, notes, name):
    commits = 0
    connection = connect(directory, name)
    answer = [row[0] for row in connection.execute('PRAGMA integrity_check')]
    if answer != ['ok']:
        print(f'{name}: integrity_check: {answer[:5]}')
    for writer in range(DATABASES[name][2]):
        path = os.path.join(notes, f'{name}.{writer}')
        noted = {int(line) for line in open(path, encoding='ascii')} if os.path.exists(path) else set()
        commits += len(noted)
        if not noted:
            continue
        found = {n for n, in connection.execute('SELECT n FROM b WHERE writer = ?', (writer,))}
        whole = {n for n, in connection.execute('SELECT n FROM a WHERE writer = ? GROUP BY n HAVING count(*) = ?',
                                                (writer, ROWS))}
        if noted - found:
            lost = sorted(noted - found)
            print(f'{name}: writer {writer}: {len(lost)} acknowledged commits are lost: {lost[:5]}')
        if found ^ whole:
            print(f'{name}: writer {writer}: {len(found ^ whole)} transactions are there in part')
    connection.close()
    return commits


def verify(directory, notes):
    commits = 0
    for name in DATABASES:
        try:
            commits += verify_database(directory, notes, name)
        except (sqlite3.Error, OSError) as error:
            print(f'{name}: {error}')
    print(f'{commits} commits')


if sys.argv[1] == 'run':
    run(sys.argv[2], sys.argv[3], int(sys.argv[4]))
else:
    verify(sys.argv[2], sys.argv[3])
