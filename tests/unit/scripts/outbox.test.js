import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refused } from '../../../web/static/core/connection.js';
import { Outbox } from '../../../web/static/room/outbox.js';

const settled = () => new Promise((done) => setImmediate(done));

/** A server whose next answers a test decides, and a clock that it turns. */
function outbox({ answers = [], store } = {}) {
  const seen = { states: [], posted: [], back: [], time: 1000 };
  let count = 0;
  const box = new Outbox({
    room: '1', store, now: () => seen.time, id: () => `c${++count}`,
    post: async (args) => { seen.posted.push(args); const answer = answers.shift() ?? { id: `m${seen.posted.length}`, verdict: 'allow' }; if (answer instanceof Error) throw answer; return answer; },
    onChange: (draft) => seen.states.push(`${draft.cmid} ${draft.state}`),
    onRefused: (draft, refused) => seen.back.push(`${draft.text}: ${refused.code}`),
  });
  return { box, seen };
}
const offline = () => new Refused({ code: 'offline' });
function memory() {
  const kept = new Map();
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) };
}

test('a comment is sending at once and sent with its reply', async () => {
  const { box, seen } = outbox();
  box.setOpen(true);
  box.add({ text: 'hello' });
  await settled();
  assert.deepEqual(seen.states, ['c1 sending', 'c1 sent']);
  assert.deepEqual(seen.posted, [{ room: '1', text: 'hello', client_message_id: 'c1' }]);
});

test('a question and an answer to somebody say so', async () => {
  const { box, seen } = outbox();
  box.setOpen(true);
  box.add({ text: 'why?', question: true, replyTo: { id: 'm9', name: 'Ann' } });
  await settled();
  assert.deepEqual(seen.posted[0], { room: '1', text: 'why?', client_message_id: 'c1', question: true, reply_to: 'm9' });
});

test('without a connection comments wait and then go in their order', async () => {
  const { box, seen } = outbox();
  box.add({ text: 'one' });
  box.add({ text: 'two' });
  await settled();
  assert.deepEqual(seen.states, ['c1 queued', 'c2 queued']);
  box.setOpen(true);
  await settled();
  assert.deepEqual(seen.posted.map((args) => args.text), ['one', 'two']);
});

test('a lost answer is asked for again under the same id', async () => {
  const { box, seen } = outbox({ answers: [offline()] });
  box.setOpen(true);
  box.add({ text: 'once' });
  await settled();
  assert.deepEqual(seen.posted.map((args) => args.client_message_id), ['c1', 'c1']);
  assert.equal(seen.states.at(-1), 'c1 sent');
});

test('a comment that cannot be sent fails and can be tried again', async () => {
  const { box, seen } = outbox({ answers: [new Refused({ code: 'unavailable' })] });
  box.setOpen(true);
  box.add({ text: 'later' });
  await settled();
  assert.equal(seen.states.at(-1), 'c1 failed');
  box.retry('c1');
  await settled();
  assert.equal(seen.states.at(-1), 'c1 sent');
});

test('a comment is not tried for ever', async () => {
  const { box, seen } = outbox({ answers: [offline(), offline(), offline(), offline(), offline()] });
  box.setOpen(true);
  box.add({ text: 'never' });
  await settled();
  assert.equal(seen.posted.length, 4);
  assert.equal(seen.states.at(-1), 'c1 failed');
});

test('a comment older than five minutes is not sent unasked', async () => {
  const { box, seen } = outbox();
  box.add({ text: 'old' });
  seen.time += 300_001;
  box.setOpen(true);
  await settled();
  assert.deepEqual(seen.posted, []);
  assert.equal(seen.states.at(-1), 'c1 failed');
});

for (const code of ['slow_mode', 'muted', 'room_closed', 'too_large']) {
  test(`words refused with ${code} go back to their author`, async () => {
    const { box, seen } = outbox({ answers: [new Refused({ code })] });
    box.setOpen(true);
    box.add({ text: 'mine' });
    await settled();
    assert.deepEqual(seen.back, [`mine: ${code}`]);
    assert.equal(box.find('c1'), undefined);
  });
}

test('a held comment is neither sent nor failed', async () => {
  const { box, seen } = outbox({ answers: [{ id: 'm1', verdict: 'held' }] });
  box.setOpen(true);
  box.add({ text: 'hm' });
  await settled();
  assert.equal(seen.states.at(-1), 'c1 held');
});

test('a push that overtakes the reply ends the waiting', async () => {
  const { box, seen } = outbox({ answers: [new Promise(() => {})] });
  box.setOpen(true);
  box.add({ text: 'quick' });
  box.arrived('c1', 'm1');
  await settled();
  assert.equal(seen.states.at(-1), 'c1 sent');
});

test('what was not sent survives a reload of the page', async () => {
  const store = memory();
  outbox({ store }).box.add({ text: 'kept' });
  const { box, seen } = outbox({ store });
  box.restore();
  box.setOpen(true);
  await settled();
  assert.deepEqual(seen.posted.map((args) => args.text), ['kept']);
  assert.equal(store.getItem('hiroba:outbox:1'), '[]');
});

test('a store that is full or torn does not stop the sending', async () => {
  const store = { getItem: () => '{', setItem: () => { throw new Error('full'); } };
  const { box, seen } = outbox({ store });
  box.restore();
  box.setOpen(true);
  box.add({ text: 'still' });
  await settled();
  assert.equal(seen.states.at(-1), 'c1 sent');
});
