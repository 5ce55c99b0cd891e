/*
 * Device twins: /twins/ID, and the limits of what is in them.
 */
import * as devices from './devices.mjs';
import { Refusal } from './errors.mjs';
import { condition, conditionCheck, isObject, known } from './registry.mjs';
import { settings } from './settings.mjs';

const TAGS_MAX = 8 * 1024;
const DESIRED_MAX = 32 * 1024;
const DEPTH_MAX = 10;
const KEY_MAX = 1024;
const TEXT_MAX = 4 * 1024;
const INTEGER_MAX = 4503599627370495;
const KEY_BAD = /[\u0000-\u001f\u007f-\u009f.$# ]/;

const bad = (text) => new Refusal('ArgumentInvalid', text);

/* Octets as the hub counts them. */
function valueSize(value, depth) {
  if (typeof value === 'string') {
    const size = Buffer.byteLength(value);
    if (size > TEXT_MAX)
      throw bad('a text over 4 KB');
    return size;
  }
  if (typeof value === 'number') {
    if (Number.isInteger(value) && Math.abs(value) > INTEGER_MAX)
      throw bad('an integer out of range');
    return 8;
  }
  if (typeof value === 'boolean')
    return 4;
  if (value === null)
    return 0;
  if (Array.isArray(value))
    return value.reduce((sum, v) => sum + valueSize(v, depth + 1), 0);
  return objectSize(value, depth + 1);
}

function objectSize(object, depth) {
  let sum = 0;
  if (depth > DEPTH_MAX)
    throw bad('deeper than 10');
  for (const [key, value] of Object.entries(object)) {
    const size = Buffer.byteLength(key);
    if (size > KEY_MAX || KEY_BAD.test(key))
      throw bad(`a key that is not allowed: ${key.slice(0, 40)}`);
    sum += size + valueSize(value, depth);
  }
  return sum;
}

/* Without members that are null; in a list they stay. */
function cleaned(value) {
  if (!isObject(value))
    return value;
  const kept = {};
  for (const [key, inner] of Object.entries(value))
    if (inner !== null)
      kept[key] = cleaned(inner);
  return kept;
}

/* A copy: a patch that is refused has changed nothing. */
function merged(old, patch) {
  const made = { ...old };
  for (const [key, value] of Object.entries(patch))
    if (value === null)
      delete made[key];
    else if (isObject(value))
      made[key] = isObject(made[key]) ? merged(made[key], value)
        : cleaned(value);
    else
      made[key] = value;
  return made;
}

function section(old, given, replace, max) {
  if (given === undefined)
    return replace ? null : old;
  if (given === null)
    return null;
  if (!isObject(given))
    throw bad('tags or properties are no object');
  const made = replace ? cleaned(given) : merged(old ?? {}, given);
  if (objectSize(made, 1) > max)
    throw bad('too large');
  return Object.keys(made).length === 0 ? null : made;
}

/* $version and $metadata come along in a twin that was read. */
function desiredOf(body) {
  const given = body.properties?.desired;
  if (!isObject(given))
    return given;
  return Object.fromEntries(
    Object.entries(given).filter(([key]) => !key.startsWith('$')));
}

export function tagsOf(tags) {
  return section(null, tags, true, TAGS_MAX);
}

export function write(device, body, replace) {
  const wanted = desiredOf(body);
  const tags = section(device.tags, body.tags, replace, TAGS_MAX);
  const desired = section(device.desired, wanted, replace, DESIRED_MAX);
  if (replace || wanted !== undefined)
    devices.desiredWritten(device);
  device.tags = tags;
  device.desired = desired;
  devices.twinWritten(device);
}

/* ---- requests ------------------------------------------------------------ */

function tierCheck() {
  if (settings.tier === 'basic')
    throw new Refusal('OperationNotAvailableInCurrentTier');
}

export function get({ id }) {
  tierCheck();
  return { body: devices.twin(known(id)) };
}

function change({ id, headers, body }, replace) {
  tierCheck();
  const device = known(id);
  if (!isObject(body))
    throw bad('the body is no object');
  conditionCheck(condition(headers), device.twinEtag);
  write(device, body, replace);
  return { body: devices.twin(device) };
}

export const patch = (ask) => change(ask, false);
export const put = (ask) => change(ask, true);
