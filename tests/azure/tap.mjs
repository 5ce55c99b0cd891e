/*
 * What the tests of the stand-in share: its control API, and TAP without
 * numbers.
 */
import assert from 'node:assert/strict';

let bad = 0;

export const failed = () => bad > 0;

export async function ctl(path, body,
  method = body === undefined ? 'GET' : 'POST') {
  const rs = await fetch(process.env.AZURE_CTL + path, { method,
    body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await rs.text();
  assert.equal(rs.status, 200, text);
  return text;
}

export async function ok(name, work) {
  try {
    await work();
    console.log(`ok - ${name}`);
  } catch (e) {
    bad++;
    console.log(`not ok - ${name}`);
    console.log(`${e.stack}`.replace(/^/gm, '# '));
  }
}
