/*
 * A stand-in for Azure, for tests.  README.md is its manual.
 *
 * usage: node stand-in.mjs FOLDER [--hub-port N] [--login-port N]
 *            [--imds-port N] [--app-port N] [--arc-port N] [--control-port N]
 *            [--arc-folder FOLDER]
 *
 * FOLDER gets the certificates and keys, the log, and last of all `env`: the
 * variables of a shell.  Everything listens on 127.0.0.1.
 */
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { certificatesMake } from './certs.mjs';
import * as control from './control.mjs';
import { HOST as LOGIN_HOST, entra } from './entra.mjs';
import * as hub from './hub.mjs';
import { HOST, connectionString, policies, policiesMake } from './hubauth.mjs';
import * as log from './log.mjs';
import * as managed from './managed.mjs';
import { handler } from './serve.mjs';
import * as tokens from './tokens.mjs';

const ports = ['hub', 'login', 'imds', 'app', 'arc', 'control'];
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries([...ports.map((n) => `${n}-port`), 'arc-folder']
    .map((name) => [name, { type: 'string' }])),
});
if (positionals.length !== 1) {
  console.error('usage: node stand-in.mjs FOLDER [--NAME-port N] ' +
    '[--arc-folder FOLDER]');
  process.exit(2);
}
const folder = path.resolve(positionals[0]);
const file = (name) => path.join(folder, name);
const secret = (name, text) =>
  fs.writeFileSync(file(name), text, { mode: 0o600 });

function serverOf(name, tls, work) {
  const server = tls ? https.createServer(tls, work) : http.createServer(work);
  server.keepAliveTimeout = 60000;
  server.requestTimeout = 0;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(values[`${name}-port`] ?? 0), '127.0.0.1',
      () => resolve(server.address().port));
  });
}

async function listen() {
  const tls = { cert: fs.readFileSync(file('server.pem')),
    key: fs.readFileSync(file('server.key')) };
  const service = { name: 'hub', bodyMax: hub.BODY_MAX, ...hub };
  return {
    hub: await serverOf('hub', tls, handler(service)),
    login: await serverOf('login', tls, handler(entra)),
    imds: await serverOf('imds', null, handler(managed.imds)),
    app: await serverOf('app', null, handler(managed.app)),
    arc: await serverOf('arc', null, handler(managed.arcAgent)),
    control: await serverOf('control', null, control.handler),
  };
}

function prepare() {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  certificatesMake(folder, [HOST, LOGIN_HOST, 'localhost']);
  policiesMake();
  for (const name of ['edge', 'registryReadWrite'])
    secret(`sas-${name}`, `${policies.get(name).key.toString('base64')}\n`);
  tokens.principals.get(tokens.APP).certificate =
    new crypto.X509Certificate(fs.readFileSync(file('app.pem')));
  control.federate(file('federated.jwt'));
  managed.arcFolder(values['arc-folder'] ?? file('arc'));
  log.open(file('requests.jsonl'));
}

function variables(port) {
  const url = (name) => `http://127.0.0.1:${port[name]}`;
  return {
    HUB_HOST: HOST, HUB_PORT: port.hub, HUB_ENDPOINT: `127.0.0.1:${port.hub}`,
    HUB_CA: file('ca.pem'), HUB_POLICY: 'edge',
    HUB_KEY: policies.get('edge').key.toString('base64'),
    HUB_KEY_FILE: file('sas-edge'),
    HUB_REGISTRY_KEY_FILE: file('sas-registryReadWrite'),
    HUB_CONNECTION_STRING: connectionString('edge'),
    LOGIN_URL: `https://localhost:${port.login}`, LOGIN_PORT: port.login,
    APP_TENANT: tokens.TENANT, APP_CLIENT_ID: tokens.APP,
    APP_CERT: file('app.pem'), APP_KEY: file('app.key'),
    APP_PEM: file('app-both.pem'), FEDERATED_FILE: file('federated.jwt'),
    IMDS_URL: url('imds'), APPSERVICE_ENDPOINT: url('app') + managed.APP_PATH,
    APPSERVICE_HEADER: managed.SECRET,
    ARC_ENDPOINT: `${url('arc')}/metadata/identity/oauth2/token`,
    ARC_FOLDER: values['arc-folder'] ?? file('arc'),
    MANAGED_CLIENT_ID: tokens.MANAGED, AZURE_CTL: url('control'),
    AZURE_LOG: file('requests.jsonl'),
  };
}

prepare();
const env = Object.entries(variables(await listen()))
  .map(([name, value]) => `export ${name}='${value}'\n`).join('');
secret('env.new', env);
fs.renameSync(file('env.new'), file('env'));

process.on('SIGTERM', () => {
  log.flush();
  process.exit(0);
});
