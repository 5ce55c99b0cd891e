/*
 * What the stand-in shows: a CA of its own, the servers' certificate, an
 * application's.  By openssl(1), in the given folder.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

function request(folder, name, more) {
  execFileSync('openssl', ['req', '-x509', '-nodes', '-days', '30',
    '-keyout', `${name}.key`, '-out', `${name}.pem`, ...more],
  { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  fs.chmodSync(path.join(folder, `${name}.key`), 0o600);
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

export function certificatesMake(folder, names) {
  request(folder, 'ca', [...EC, '-subj', '/CN=Stand-in CA', '-addext',
    'basicConstraints=critical,CA:true', '-addext', 'keyUsage=keyCertSign']);
  request(folder, 'server', [...EC, '-subj', `/CN=${names[0]}`, '-CA', 'ca.pem',
    '-CAkey', 'ca.key', '-addext', 'basicConstraints=CA:false', '-addext',
    `subjectAltName=${names.map((n) => `DNS:${n}`).join()},IP:127.0.0.1`]);
  request(folder, 'app', ['-newkey', 'rsa:2048', '-subj', '/CN=microca edge']);
  const both = ['app.key', 'app.pem']
    .map((name) => fs.readFileSync(path.join(folder, name), 'utf8')).join('');
  fs.writeFileSync(path.join(folder, 'app-both.pem'), both, { mode: 0o600 });
}
