/*
 * IoT Hub's identity registry: /devices.
 */
import crypto from 'node:crypto';
import * as devices from './devices.mjs';
import { Refusal } from './errors.mjs';
import { clock } from './settings.mjs';

const ID = /^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}$/;
const PRINT = /^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$/;
const LIST_MAX = 1000;

export function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function idCheck(id) {
  if (typeof id !== 'string' || !ID.test(id))
    throw new Refusal('ArgumentInvalid',
      'Id is empty, too long or has characters that are not allowed');
  return id;
}

export function known(id) {
  const device = devices.find(id);
  if (!device)
    throw new Refusal('DeviceNotFound', `The device ${id} is not registered.`);
  return device;
}

/* If-Match, bare; undefined: none, and an empty one is none. */
export function condition(headers) {
  return headers['if-match']?.trim().replace(/^"(.*)"$/, '$1') || undefined;
}

export function conditionCheck(match, etag) {
  if (match !== undefined && match !== '*' && match !== etag)
    throw new Refusal('PreconditionFailed');
}

/* ---- what is asked for --------------------------------------------------- */

function thumbprintsOf(x509) {
  const primary = x509?.primaryThumbprint || null;
  const secondary = x509?.secondaryThumbprint || null;
  for (const print of [primary, secondary])
    if (print !== null && !(typeof print === 'string' && PRINT.test(print)))
      throw new Refusal('StringIsNotThumbprint');
  if (primary && secondary && primary.length !== secondary.length)
    throw new Refusal('ThumbprintSizesMustMatch');
  return { primary, secondary };
}

const mint = () => crypto.randomBytes(32).toString('base64');

/* Who says nothing of authentication gets keys. */
function keysOf(given, type) {
  if (type !== 'sas')
    return null;
  return {
    primaryKey: given?.primaryKey || mint(),
    secondaryKey: given?.secondaryKey || mint(),
  };
}

function authenticationOf(given) {
  if (given !== undefined && given !== null && !isObject(given))
    throw new Refusal('ArgumentInvalid', 'authentication is no object');
  const { primary, secondary } = thumbprintsOf(given?.x509Thumbprint);
  const type = given?.type ?? (primary || secondary ? 'selfSigned' : 'sas');
  if (!['sas', 'selfSigned', 'certificateAuthority'].includes(type))
    throw new Refusal('ArgumentInvalid', `authentication.type ${type}`);
  if (type !== 'selfSigned' && (primary || secondary))
    throw new Refusal('ArgumentInvalid',
      `a thumbprint with authentication.type ${type}`);
  return { type, primary, secondary, keys: keysOf(given?.symmetricKey, type) };
}

function statusOf(body) {
  const status = body.status ?? 'enabled';
  const statusReason = body.statusReason ?? null;
  if (!['enabled', 'disabled'].includes(status))
    throw new Refusal('ArgumentInvalid', `status ${status}`);
  if (statusReason !== null &&
      (typeof statusReason !== 'string' || statusReason.length > 128))
    throw new Refusal('ArgumentInvalid', 'statusReason over 128 characters');
  return { status, statusReason };
}

/* Checked, and nothing changed: fill() does. */
export function wantedOf(body) {
  return {
    ...authenticationOf(body.authentication), ...statusOf(body),
    edge: body.capabilities?.iotEdge === true, scope: body.deviceScope,
  };
}

function scopeSet(device, wanted, fresh) {
  if (device.scope !== null && !fresh && wanted.scope !== device.scope)
    throw new Refusal('ArgumentInvalid', 'Device scope is immutable');
  if (wanted.edge && device.scope === null)
    device.scope = `ms-azure-iot-edge://${device.id}-${device.generation}`;
}

export function fill(device, wanted, fresh = false) {
  scopeSet(device, wanted, fresh);
  if (!fresh && device.status !== wanted.status)
    device.statusTime = new Date(clock.now()).toISOString();
  device.status = wanted.status;
  device.statusReason = wanted.statusReason;
  device.type = wanted.type;
  device.primary = wanted.primary;
  device.secondary = wanted.secondary;
  device.keys = wanted.keys;
  device.edge = wanted.edge;
  devices.identityWritten(device);
}

export function create(id, wanted) {
  const device = devices.add(id);
  fill(device, wanted, true);
  return device;
}

/* ---- requests ------------------------------------------------------------ */

export function get({ id }) {
  const device = known(id);
  return { body: devices.identity(device),
    headers: { ETag: `"${device.etag}"` } };
}

function bodyCheck(id, body) {
  if (!isObject(body))
    throw new Refusal('ArgumentInvalid', 'the body is no object');
  if (body.deviceId !== id)
    throw new Refusal('ArgumentInvalid', 'deviceId is not the one of the URL');
  return wantedOf(body);
}

export function put({ id, headers, body }) {
  const match = condition(headers);
  idCheck(id);
  const wanted = bodyCheck(id, body);
  if (match === undefined && devices.find(id))
    throw new Refusal('DeviceAlreadyExists',
      `A device with ID '${id}' is already registered.`);
  const fresh = match === undefined;
  const device = fresh ? create(id, wanted) : known(id);
  if (!fresh) {
    conditionCheck(match, device.etag);
    fill(device, wanted);
  }
  return { body: devices.identity(device, fresh),
    headers: { ETag: `"${device.etag}"` } };
}

export function del({ id, headers }) {
  const match = condition(headers);
  const device = known(id);
  if (match === undefined)
    throw new Refusal('PreconditionFailed', 'Etag missing');
  conditionCheck(match, device.etag);
  devices.remove(device);
  return { status: 204 };
}

export function list({ query }) {
  const top = Number(query.get('top') ?? LIST_MAX);
  if (!Number.isInteger(top) || top < 1 || top > LIST_MAX)
    throw new Refusal('ArgumentInvalid', `top=${query.get('top')}`);
  const body = [];
  for (const device of devices.all()) {
    if (body.length === top)
      break;
    body.push(devices.identity(device));
  }
  return { body };
}

export function statistics() {
  let disabled = 0;
  for (const device of devices.all())
    disabled += device.status === 'disabled';
  return { body: {
    totalDeviceCount: devices.count(),
    enabledDeviceCount: devices.count() - disabled,
    disabledDeviceCount: disabled,
  } };
}
