/*
 * POST /devices: many identities at once, each for itself.
 */
import * as devices from './devices.mjs';
import { CODES, Refusal } from './errors.mjs';
import {
  conditionCheck, create, fill, idCheck, isObject, known, wantedOf,
} from './registry.mjs';
import { settings } from './settings.mjs';
import { tagsOf, write } from './twins.mjs';

const MAX = 100;

const MODES = {
  create: makeOne, update: updateOne, updateifmatchetag: updateOne,
  delete: deleteOne, deleteifmatchetag: deleteOne,
  updatetwin: twinOne, updatetwinifmatchetag: twinOne,
};

const bare = (etag) => etag?.replace(/^"(.*)"$/, '$1');
const twinOf = (item) => ({ tags: item.tags, properties: item.properties });
const hasTwin = (item) =>
  item.tags !== undefined || item.properties !== undefined;

function makeOne(item, mode, withoutTwin) {
  if (devices.find(item.id))
    throw new Refusal('DeviceAlreadyExists',
      `A device with ID '${item.id}' is already registered.`);
  const wanted = wantedOf(item);
  tagsOf(item.tags);
  const device = create(item.id, wanted);
  if (!withoutTwin && hasTwin(item)) {
    write(device, twinOf(item), true);
  }
}

function etagCheck(item, mode, etag) {
  if (!mode.endsWith('ifmatchetag'))
    return;
  const given = mode.startsWith('updatetwin')
    ? item.twinETag ?? item.twinEtag : item.eTag ?? item.etag;
  if (typeof given !== 'string' || given === '')
    throw new Refusal('PreconditionFailed', 'Etag missing');
  conditionCheck(bare(given), etag);
}

function updateOne(item, mode) {
  const device = known(item.id);
  etagCheck(item, mode, device.etag);
  fill(device, wantedOf(item));
}

function deleteOne(item, mode) {
  const device = known(item.id);
  etagCheck(item, mode, device.etag);
  devices.remove(device);
}

function twinOne(item, mode) {
  const device = known(item.id);
  etagCheck(item, mode, device.twinEtag);
  write(device, twinOf(item), false);
}

/* ---- the whole ----------------------------------------------------------- */

function itemsCheck(items) {
  const seen = new Set();
  if (!Array.isArray(items))
    throw new Refusal('ArgumentInvalid', 'the body is no array');
  if (items.length > MAX)
    throw new Refusal('TooManyDevices', `more than ${MAX} devices`);
  for (const item of items) {
    if (!isObject(item))
      throw new Refusal('ArgumentInvalid', 'an item is no object');
    idCheck(item.id);
    if (!(String(item.importMode).toLowerCase() in MODES))
      throw new Refusal('ArgumentInvalid', `importMode ${item.importMode}`);
    if (seen.has(item.id))
      throw new Refusal('DeviceDefinedMultipleTimes', item.id);
    seen.add(item.id);
  }
}

const codeOf = (name) =>
  (settings.bulkErrorCode === 'name' ? name : CODES[name] ?? 500001);

const errorOf = (id, code, text) =>
  ({ deviceId: id, errorCode: codeOf(code), errorStatus: text });

/* What a fault makes of an item: "error", "warning", "lie" or nothing. */
function effectOf(fault, item, i) {
  if (!fault)
    return '';
  const hit = fault.ids ? new RegExp(fault.ids).test(item.id)
    : (i + 1) % (fault.every ?? 2) === 0;
  return hit ? fault.effect ?? 'error' : '';
}

function one(item, effect, fault, out) {
  const mode = item.importMode.toLowerCase();
  const code = fault?.code ?? 'ServerError';
  if (effect === 'error') {
    out.errors.push(errorOf(item.id, code, code));
    return;
  }
  try {
    MODES[mode](item, mode, effect === 'warning');
  } catch (e) {
    if (!(e instanceof Refusal))
      throw e;
    out.errors.push(errorOf(item.id, e.code, e.message));
    return;
  }
  if (effect === 'warning')
    out.warnings.push({ deviceId: item.id,
      warningCode: codeOf('DeviceRegisteredWithoutTwin'),
      warningStatus: 'DeviceRegisteredWithoutTwin' });
  if (effect === 'lie')
    out.errors.push(errorOf(item.id, code, code));
}

export function bulk({ body, partial }) {
  const out = { errors: [], warnings: [] };
  itemsCheck(body);
  body.forEach((item, i) => one(item, effectOf(partial, item, i), partial, out));
  const good = out.errors.length === 0;
  return {
    status: good ? 200 : 400,
    body: { isSuccessful: good, ...out },
  };
}
