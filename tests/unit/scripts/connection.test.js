import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Connection, comesBack, judge, longestWait } from '../../../web/static/core/connection.js';

const EPOCH = 1763750000123;

/** A socket that a test opens, feeds and closes. */
class Socket {
  readyState = 0;
  sent = [];
  constructor() { Socket.all.push(this); }
  static all = [];
  static get last() { return Socket.all.at(-1); }
  send(text) { this.sent.push(JSON.parse(text)); }
  close(code) { this.closedWith = code; this.readyState = 3; }
  opens() { this.readyState = 1; this.onopen(); }
  says(frame) { this.onmessage({ data: JSON.stringify(frame) }); }
  ends(code) { this.readyState = 3; this.onclose({ code }); }
  asked(cmd) { return this.sent.filter((command) => command.cmd === cmd).at(-1); }
  answers(cmd, ok) { this.says({ id: this.asked(cmd).id, ok }); }
}

const settled = () => new Promise((done) => setImmediate(done));
const joined = (offset, more = {}) => ({ epoch: EPOCH, offset, recovered: true, pubs: [], ...more });
const push = (from, to, more = {}) => ({ ch: 'room:1', epoch: EPOCH, from, to, pubs: range(from, to), ...more });
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => [from + i, 1, { event: 'comment.posted', id: `m${from + i}` }]);
const reply = (subscriptions) => ({ session: 's', rank: 0, you: null, time: Date.now(), resume: 'again', expires_in: 600_000, subscriptions });

let open = null;
afterEach(() => open?.stop());

async function opened({ offset = 10, token = async () => null } = {}) {
  Socket.all = [];
  const heard = { items: [], now: [], gap: [], out: [], state: [] };
  const connection = new Connection({ url: 'ws://x', token, open: () => new Socket(), random: () => 0.5 });
  open = connection;
  connection.on('items', (_, items) => heard.items.push(...items.map((item) => item.offset)));
  connection.on('now', (_, body) => heard.now.push(body));
  connection.on('gap', (_, missing) => heard.gap.push(missing));
  connection.on('left-out', (_, missing) => heard.out.push(missing));
  connection.on('state', (state) => heard.state.push(state));
  connection.subscribe('room:1', { epoch: EPOCH, offset });
  connection.start();
  await settled();
  Socket.last.opens();
  Socket.last.answers('connect', reply({ 'room:1': { ok: joined(offset) } }));
  await settled();
  return { connection, heard };
}

test('a push is taken when it begins at most one beyond what is known', () => {
  const mine = { epoch: EPOCH, offset: 10 };
  assert.equal(judge(mine, { epoch: EPOCH, from: 11, to: 12 }), 'take');
  assert.equal(judge(mine, { epoch: EPOCH, from: 9, to: 12 }), 'take');
  assert.equal(judge(mine, { epoch: EPOCH, from: 11, to: 10 }), 'take');
  assert.equal(judge(mine, { epoch: EPOCH, from: 12, to: 12 }), 'hole');
  assert.equal(judge(mine, { epoch: EPOCH, from: 3, to: 8 }), 'known');
});

test('a newer stream is taken from its beginning, an older one never', () => {
  const mine = { epoch: EPOCH, offset: 10 };
  assert.equal(judge(mine, { epoch: EPOCH + 1, from: 1, to: 2 }), 'take');
  assert.equal(judge(mine, { epoch: EPOCH + 1, from: 2, to: 2 }), 'hole');
  assert.equal(judge(mine, { epoch: EPOCH - 1, from: 11, to: 12 }), 'known');
});

test('close codes say whether to come back', () => {
  for (const code of [1001, 1006, 4001, 4499]) assert.equal(comesBack(code), true);
  for (const code of [4500, 4505, 4999]) assert.equal(comesBack(code), false);
});

test('waits double up to half a minute', () => {
  assert.deepEqual([0, 1, 2, 6, 20].map(longestWait), [500, 1000, 2000, 30_000, 30_000]);
});

test('connect carries what is wanted and from where', async () => {
  await opened();
  assert.deepEqual(Socket.last.asked('connect').args, { subscribe: [{ channel: 'room:1', feed: 'sampled', epoch: EPOCH, offset: 10 }] });
});

test('publications come once and in order, overlaps or not', async () => {
  const { heard } = await opened();
  Socket.last.says(push(11, 12));
  Socket.last.says(push(11, 13));
  Socket.last.says(push(14, 13));
  Socket.last.says(push(14, 14));
  assert.deepEqual(heard.items, [11, 12, 13, 14]);
});

test('a hole is filled from history before what came after it', async () => {
  const { heard } = await opened();
  Socket.last.says(push(13, 14));
  Socket.last.says(push(15, 15));
  assert.deepEqual(heard.items, []);
  assert.deepEqual(Socket.last.asked('history').args, { channel: 'room:1', epoch: EPOCH, offset: 10 });
  Socket.last.answers('history', joined(13, { pubs: range(11, 13) }));
  await settled();
  assert.deepEqual(heard.items, [11, 12, 13, 14, 15]);
});

test('what came while history was asked is kept', async () => {
  const { heard } = await opened();
  Socket.last.says(push(12, 12));
  Socket.last.says(push(13, 14));
  Socket.last.answers('history', joined(12, { pubs: range(11, 12) }));
  await settled();
  assert.deepEqual(heard.items, [11, 12, 13, 14]);
});

test('history that was cut is asked for again', async () => {
  const { heard } = await opened();
  Socket.last.says(push(20, 20));
  Socket.last.answers('history', joined(15, { pubs: range(11, 15), more: true }));
  await settled();
  assert.deepEqual(Socket.last.asked('history').args, { channel: 'room:1', epoch: EPOCH, offset: 15 });
  Socket.last.answers('history', joined(20, { pubs: range(16, 20) }));
  await settled();
  assert.deepEqual(heard.items, range(11, 20).map(([offset]) => offset));
});

test('hidden publications keep their place and are not shown', async () => {
  const { heard } = await opened();
  Socket.last.says(push(11, 12, { pubs: [[11, 1, null], [12, 1, { event: 'comment.posted' }]] }));
  Socket.last.says(push(13, 13));
  assert.deepEqual(heard.items, [12, 13]);
});

test('what was left out is told, and what was lost is told otherwise', async () => {
  const { heard } = await opened();
  Socket.last.says(push(11, 20, { pubs: range(15, 16), of: 10, why: 'sampled' }));
  Socket.last.says(push(21, 30, { pubs: [], of: 10, why: 'restart' }));
  assert.deepEqual([heard.out, heard.gap], [[8], [10]]);
});

test('passing events have no place', async () => {
  const { heard } = await opened();
  Socket.last.says({ ch: 'room:1', now: [{ event: 'viewers.counted', count: 3 }] });
  assert.deepEqual(heard.now, [{ event: 'viewers.counted', count: 3 }]);
});

test('a refused command rejects with its word and its wait', async () => {
  const { connection } = await opened();
  const asked = connection.command('comment.post', {});
  Socket.last.says({ id: Socket.last.asked('comment.post').id, error: { code: 'slow_mode', message: 'wait', retry_after: 12000 } });
  await assert.rejects(asked, (error) => error.code === 'slow_mode' && error.retryAfter === 12000);
});

test('a command whose answer got lost with the connection is offline, not failed', async () => {
  const { connection, heard } = await opened();
  const asked = connection.command('comment.post', {});
  Socket.last.ends(1006);
  await assert.rejects(asked, (error) => error.code === 'offline');
  assert.equal(heard.state.at(-1), 'waiting');
});

test('a reconnect uses the resume token and the place that was reached', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { connection } = await opened({ token: async () => 'ticket' });
  Socket.last.says(push(11, 12));
  Socket.last.ends(4001);
  t.mock.timers.tick(500);
  await settled();
  Socket.last.opens();
  assert.deepEqual(Socket.last.asked('connect').args, { token: 'again', subscribe: [{ channel: 'room:1', feed: 'sampled', epoch: EPOCH, offset: 12 }] });
});

test('a gap is told when the place cannot be recovered', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { connection, heard } = await opened();
  Socket.last.ends(1006);
  t.mock.timers.tick(500);
  await settled();
  Socket.last.opens();
  Socket.last.answers('connect', reply({ 'room:1': { ok: joined(900, { recovered: false, pubs: range(899, 900) }) } }));
  await settled();
  assert.deepEqual([heard.gap, heard.items], [[0], [899, 900]]);
});

test('codes that say stay away are obeyed', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { heard } = await opened();
  Socket.last.ends(4505);
  t.mock.timers.tick(60_000);
  await settled();
  assert.equal(heard.state.at(-1), 'away');
  assert.equal(Socket.all.length, 1);
});

test('a token that grew old is replaced once', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let asked = 0;
  const { connection, heard } = await opened({ token: async () => `fresh ${++asked}` });
  for (let i = 0; i < 2; i++) {
    Socket.last.ends(4501);
    t.mock.timers.tick(60_000);
    await settled();
  }
  assert.equal(asked, 2);
  assert.equal(heard.state.at(-1), 'away');
});

test('a silent server is left', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  Socket.all = [];
  const { connection, heard } = await opened();
  t.mock.timers.tick(39_000);
  assert.equal(heard.state.at(-1), 'open');
  t.mock.timers.tick(1_500);
  assert.equal(heard.state.at(-1), 'waiting');
  assert.equal(Socket.last.closedWith, 4000);
});

test('the session is refreshed before it runs out', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { connection } = await opened();
  for (let quiet = 0; quiet < 300_000; quiet += 30_000) {
    t.mock.timers.tick(30_000);
    Socket.last.says(push(11, 10, { pubs: [] }));
  }
  assert.ok(Socket.last.asked('session.refresh'));
});

test('a wider feed is a new subscription from the same place', async () => {
  const { connection } = await opened();
  connection.setFeed('room:1', 'full');
  Socket.last.answers('unsubscribe', {});
  await settled();
  assert.deepEqual(Socket.last.asked('subscribe').args, { channel: 'room:1', feed: 'full', epoch: EPOCH, offset: 10 });
});
