import assert from 'node:assert/strict';
import test from 'node:test';
import { Keys, chord, shown } from '../../../web/static/console/keys.js';
import { Repeats, sameAs } from '../../../web/static/console/repeats.js';
import { age } from '../../../web/static/console/queue.js';

const store = (kept = {}) => ({ kept, getItem: (key) => kept[key] ?? null, setItem(key, value) { kept[key] = value; } });
const press = (code, more = {}) => ({ code, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, isComposing: false, ...more });

test('a key is known by its place, not by its letter', () => {
  const keys = new Keys(store());

  assert.equal(keys.actOf({ ...press('KeyH'), key: 'ا' }), 'hide');
  assert.equal(keys.actOf(press('KeyT')), 'timeout');
  assert.equal(keys.actOf(press('KeyT', { shiftKey: true })), 'timeouts');
  assert.equal(keys.actOf(press('KeyZ', { ctrlKey: true })), 'undo');
  assert.equal(keys.actOf(press('KeyW')), null);
});

test('nothing happens while somebody composes, with Alt, or when keys are off', () => {
  const keys = new Keys(store());

  assert.equal(keys.actOf(press('KeyH', { isComposing: true })), null);
  assert.equal(keys.actOf(press('KeyH', { altKey: true })), null);
  keys.use(false);
  assert.equal(keys.actOf(press('KeyH')), null);
});

test('another key is remembered and takes the place of the first', () => {
  const kept = store();
  new Keys(kept).choose('hide', 'KeyZ');

  const keys = new Keys(kept);

  assert.equal(keys.actOf(press('KeyZ')), 'hide');
  assert.equal(keys.actOf(press('KeyH')), null);
});

test('a key that another act had is taken from it', () => {
  const keys = new Keys(store());
  keys.choose('hide', 'KeyM');

  assert.equal(keys.actOf(press('KeyM')), 'hide');
  assert.deepEqual(keys.of('mute'), []);
  keys.reset();
  assert.equal(keys.actOf(press('KeyM')), 'mute');
});

test('what a store holds by mistake is as if nothing had been chosen', () => {
  for (const wrong of ['{', '{"own": {"fly": "KeyF", "hide": 7}}', 'null']) {
    assert.equal(new Keys(store({ 'hiroba:keys': wrong })).actOf(press('KeyH')), 'hide');
  }
});

test('keys are written for people', () => {
  assert.equal(shown('KeyJ'), 'J');
  assert.equal(shown('ArrowDown'), '↓');
  assert.equal(shown('Shift+KeyT'), 'Shift+T');
  assert.equal(shown('Shift+Slash'), '?');
  assert.equal(chord({ code: 'KeyZ', metaKey: true }), 'Ctrl+KeyZ');
});

const line = (n, text = 'free gifts are over here', at = n) => ({ id: `m${n}`, text, at, author: { id: `g${n}` } });

test('the same text from several people is one group', () => {
  const repeats = new Repeats();

  const found = [1, 2, 3, 4].map((n) => repeats.add(line(n, n % 2 ? 'Free  GIFTS are over here' : 'free gifts are over here')));

  assert.deepEqual(found.slice(0, 3), [null, null, null]);
  assert.deepEqual(found[3]?.ids, ['m1', 'm2', 'm3', 'm4']);
  assert.equal(found[3]?.people.size, 4);
});

test('short cheers and one person who repeats himself are no raid', () => {
  const repeats = new Repeats();

  for (let n = 0; n < 9; n++) assert.equal(repeats.add(line(n, '888888')), null);
  for (let n = 0; n < 9; n++) assert.equal(repeats.add({ ...line(n, 'is this still in stock?'), author: { id: 'g1' } }), null);
});

test('a group ends when nobody repeats it for a minute, or when it was dealt with', () => {
  const repeats = new Repeats();
  for (const n of [1, 2, 3, 4]) repeats.add(line(n));

  assert.equal(repeats.add(line(5, undefined, 70_000)), null);
  for (const n of [6, 7, 8]) repeats.add(line(n, undefined, 70_000 + n));
  repeats.forget(sameAs('free gifts are over here'));
  assert.equal(repeats.add(line(9, undefined, 70_010)), null);
});

test('an age is minutes and seconds', () => {
  assert.equal(age(48_000), '0:48');
  assert.equal(age(600_000), '10:00');
  assert.equal(age(-5), '0:00');
});
