/*
 * The devices of the hub: what is known of each, and the forms in which it is
 * shown.  Nothing here asks who may do it.
 */
import crypto from 'node:crypto';
import { clock, settings } from './settings.mjs';

const byId = new Map();
/* In the order of creation, for pages; null: gone. */
let order = [];
/* What a query still shows after its end: { device, until }. */
let ghosts = [];

export const writes = { identity: 0, twin: 0, created: 0, deleted: 0 };

const NEVER = '0001-01-01T00:00:00Z';

class Device {
  constructor(id) {
    this.id = id;
    this.counter = 100000000 + crypto.randomInt(800000000);
    this.generation = `${clock.now()}${crypto.randomInt(90000) + 10000}`;
    this.status = 'enabled';
    this.statusReason = null;
    this.statusTime = NEVER;
    this.type = 'none';
    this.primary = null;
    this.secondary = null;
    this.keys = null;
    this.scope = null;
    this.edge = false;
    this.tags = null;
    this.desired = null;
    this.desiredVersion = 1;
    this.desiredTime = new Date(clock.now()).toISOString();
    this.made = this.desiredTime;
    this.twinCounter = 1;
    this.version = 2;
    this.changed = clock.now();
    this.identityWrites = 0;
    this.twinWrites = 0;
    this.place = order.length;
  }

  get etag() {
    return Buffer.from(String(this.counter)).toString('base64');
  }

  get twinEtag() {
    const octets = Buffer.alloc(8);
    octets.writeBigUInt64BE(BigInt(this.twinCounter));
    return octets.toString('base64');
  }
}

export const find = (id) => byId.get(id);
export const count = () => byId.size;
export const all = () => byId.values();

export function add(id) {
  const device = new Device(id);
  byId.set(id, device);
  order.push(device);
  writes.created++;
  return device;
}

export function remove(device) {
  byId.delete(device.id);
  order[device.place] = null;
  writes.deleted++;
  if (settings.queryLag > 0)
    ghosts.push({ device, until: clock.now() + settings.queryLag });
}

export function clear() {
  byId.clear();
  order = [];
  ghosts = [];
  for (const name of Object.keys(writes))
    writes[name] = 0;
}

export function identityWritten(device) {
  device.counter++;
  device.identityWrites++;
  device.changed = clock.now();
  writes.identity++;
}

export function desiredWritten(device) {
  device.desiredVersion++;
  device.desiredTime = new Date(clock.now()).toISOString();
}

export function twinWritten(device) {
  device.twinCounter++;
  device.version++;
  device.twinWrites++;
  device.changed = clock.now();
  writes.twin++;
}

/* From place `from` on, what a query sees: { device, next } of each. */
export function* since(from) {
  const now = clock.now();
  for (let i = from; i < order.length; i++) {
    const device = order[i];
    if (device !== null &&
        (settings.queryLag === 0 || now - device.changed >= settings.queryLag))
      yield { device, next: i + 1 };
  }
  const first = Math.max(0, from - order.length);
  if (first === 0)
    ghosts = ghosts.filter((ghost) => ghost.until > now);
  for (let i = first; i < ghosts.length; i++)
    yield { device: ghosts[i].device, next: order.length + i + 1 };
}

/* ---- how it is shown ----------------------------------------------------- */

function authentication(d) {
  return {
    symmetricKey: d.keys ?? { primaryKey: null, secondaryKey: null },
    x509Thumbprint: {
      primaryThumbprint: d.primary, secondaryThumbprint: d.secondary,
    },
    type: d.type,
  };
}

/* `fresh`: as a creation answers, whose times have no Z. */
export function identity(d, fresh = false) {
  const time = (text) => (fresh ? text.replace('Z', '') : text);
  const shown = {
    deviceId: d.id, generationId: d.generation, etag: d.etag,
    connectionState: 'Disconnected', status: d.status,
    statusReason: d.statusReason, connectionStateUpdatedTime: time(NEVER),
    statusUpdatedTime: time(d.statusTime), lastActivityTime: time(NEVER),
    cloudToDeviceMessageCount: 0, authentication: authentication(d),
    capabilities: { iotEdge: d.edge },
  };
  if (d.scope !== null)
    shown.deviceScope = d.scope;
  if (fresh || d.scope !== null)
    shown.parentScopes = [];
  return shown;
}

function thumbprints(d) {
  return settings.twinThumbprint === 'primaryThumbprint'
    ? { primaryThumbprint: d.primary, secondaryThumbprint: d.secondary }
    : { PrimaryThumbprint: d.primary, SecondaryThumbprint: d.secondary };
}

/* Of each member at the top, too; not deeper. */
function desired(d) {
  const stamp = { $lastUpdated: d.desiredTime };
  if (d.desiredVersion > 1)
    stamp.$lastUpdatedVersion = d.desiredVersion;
  const $metadata = { ...stamp };
  for (const key of Object.keys(d.desired ?? {}))
    $metadata[key] = stamp;
  return { ...d.desired, $metadata, $version: d.desiredVersion };
}

export function twin(d) {
  const shown = { deviceId: d.id, etag: d.twinEtag, deviceEtag: d.etag,
    status: d.status };
  if (d.statusReason !== null)
    shown.statusReason = d.statusReason;
  Object.assign(shown, {
    statusUpdateTime: d.statusTime, connectionState: 'Disconnected',
    lastActivityTime: NEVER, cloudToDeviceMessageCount: 0,
    authenticationType: d.type, x509Thumbprint: thumbprints(d), modelId: '',
    version: d.version,
  });
  if (d.tags !== null)
    shown.tags = d.tags;
  shown.properties = {
    desired: desired(d),
    reported: { $metadata: { $lastUpdated: d.made }, $version: 1 },
  };
  shown.capabilities = { iotEdge: d.edge };
  if (d.scope !== null)
    shown.deviceScope = d.scope;
  return shown;
}
