/*
 * Microsoft's @azure/identity gets tokens of the stand-in, and azure-iothub
 * uses them.
 *
 * usage: node sdk-tokens.mjs FILE PART
 *
 * MSAL keeps the tokens of a process, whoever gave them: each PART is one.
 */
import assert from 'node:assert/strict';
import { ClientCertificateCredential, ManagedIdentityCredential,
  WorkloadIdentityCredential } from '@azure/identity';
import iothub from 'azure-iothub';
import { bodyOf, device, done, fails, pointed, step } from './sdk-lib.mjs';
import { ctl, ok } from './tap.mjs';

const { Registry } = iothub;
const { env } = process;
const SCOPE = 'https://iothubs.azure.net/.default';
const A = 'A'.repeat(64);

/* ---- tokens -------------------------------------------------------------- */

const options = { authorityHost: env.LOGIN_URL, disableInstanceDiscovery: true };

async function good(credential) {
  const { token, expiresOnTimestamp } = await credential.getToken(SCOPE);
  const left = (expiresOnTimestamp - Date.now()) / 1000;
  assert.ok(left > 3000 && left < 3700, `${left} s`);
  const registry = pointed(Registry.fromTokenCredential(env.HUB_HOST, credential));
  assert.equal((await bodyOf(registry.get('d1'))).deviceId, 'd1');
  assert.equal((await bodyOf(registry.getTwin('d1'))).deviceId, 'd1');
  assert.ok(token.split('.').length === 3);
}

const certificate = (more = {}) => new ClientCertificateCredential(
  env.APP_TENANT, more.clientId ?? env.APP_CLIENT_ID,
  { certificatePath: more.pem ?? env.APP_PEM }, options);

async function denied(credential, pattern) {
  await assert.rejects(credential.getToken(SCOPE), (e) => {
    assert.match(e.message, pattern);
    return true;
  });
}

async function entra() {
  await step('ClientCertificateCredential', 'a token, and the hub takes it', () =>
    good(certificate()));
  await ok('an application that is not there', () => denied(certificate(
    { clientId: 'aaaaaaaa-0000-4000-8000-00000000ffff' }), /AADSTS700016/));
  await ok('another certificate', () =>
    denied(certificate({ pem: env.OTHER_PEM }), /AADSTS700027/));
  await ok('a clock that is wrong', async () => {
    await ctl('/clock', { skew: 7200 });
    await denied(certificate(), /AADSTS700024/)
      .finally(() => ctl('/clock', { skew: 0 }));
  });
  await ok('a role that is not enough: UnauthorizedError', async () => {
    await ctl('/apps', { clientId: env.APP_CLIENT_ID,
      actions: ['devices/read'] });
    const registry = pointed(Registry.fromTokenCredential(env.HUB_HOST,
      certificate()));
    assert.equal((await bodyOf(registry.get('d1'))).deviceId, 'd1');
    await fails(registry.create(device('no', A)), 'UnauthorizedError', 401);
    await ctl('/apps', { clientId: env.APP_CLIENT_ID, actions: [
      'devices/read', 'devices/write', 'devices/delete', 'twins/read',
      'twins/write'] });
  });
  await ok('an expired token: UnauthorizedError', async () => {
    const registry = pointed(Registry.fromTokenCredential(env.HUB_HOST,
      certificate()));
    await registry.get('d1');
    await ctl('/tokens/expire', {});
    await fails(registry.get('d1'), 'UnauthorizedError', 401);
  });
}

async function federation() {
  const credential = () => new WorkloadIdentityCredential({ ...options,
    tenantId: env.APP_TENANT, clientId: env.APP_CLIENT_ID,
    tokenFilePath: env.FEDERATED_FILE });
  await step('WorkloadIdentityCredential', 'a token by a token', () =>
    good(credential()));
  await ok('of another account', async () => {
    await ctl('/federated', { subject: 'system:serviceaccount:a:b' });
    await denied(credential(), /AADSTS700213/);
    await ctl('/federated', {});
  });
}

/* Whose endpoint it is say variables, when it is made. */
async function managed(name, how, options) {
  await step(`ManagedIdentityCredential ${name}`, how, () =>
    good(new ManagedIdentityCredential(options)));
}

async function machine() {
  env.AZURE_POD_IDENTITY_AUTHORITY_HOST = env.IMDS_URL;
  await ok('an identity that is not there', () => denied(
    new ManagedIdentityCredential({ clientId: 'nobody' }), /Identity not found/));
  await managed('of a machine', 'by IMDS');
}

async function assigned() {
  env.AZURE_POD_IDENTITY_AUTHORITY_HOST = env.IMDS_URL;
  await managed('assigned to a machine', 'by IMDS',
    { clientId: env.MANAGED_CLIENT_ID });
}

async function appService() {
  env.IDENTITY_ENDPOINT = env.APPSERVICE_ENDPOINT;
  env.IDENTITY_HEADER = env.APPSERVICE_HEADER;
  await managed('of App Service', 'by its header');
}

async function arc() {
  env.IDENTITY_ENDPOINT = env.ARC_ENDPOINT;
  env.IMDS_ENDPOINT = env.IMDS_URL;
  await managed('of Azure Arc', 'by its file');
}

const PARTS = { entra, federation, machine, assigned, appService, arc };
await ctl('/device', device('d1', A));
await PARTS[process.argv[3]]();
done(process.argv[2]);
