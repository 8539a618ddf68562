import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { LiveList } from '../../../web/static/core/lists.js';

/** Just enough of a list of rows. */
class Rows {
  rows = [];
  get childElementCount() { return this.rows.length; }
  get firstElementChild() { return this.rows[0]; }
  append(fragment) { this.rows.push(...fragment.rows.map((row) => this.#own(row))); }
  prepend(fragment) { this.rows.unshift(...fragment.rows.map((row) => this.#own(row))); }
  #own(row) { row.remove = () => { this.rows = this.rows.filter((other) => other !== row); }; return row; }
}
beforeEach(() => {
  globalThis.document = { createDocumentFragment: () => ({ rows: [], append(row) { this.rows.push(row); } }) };
});

function list(options = {}) {
  const rows = new Rows(), frames = [], waiting = [];
  const made = new LiveList(rows, { row: (item) => ({ item }), frame: (run) => frames.push(run), onWaiting: (count) => waiting.push(count), ...options });
  const draw = (now) => { for (const run of frames.splice(0)) run(now); };
  return { made, rows, draw, waiting, shown: () => rows.rows.map((row) => row.item) };
}
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test('all that came within a while is drawn together, the oldest first', () => {
  const { made, draw, shown } = list();
  made.push([1]);
  made.push([2, 3]);
  draw(0);
  assert.deepEqual(shown(), [1, 2, 3]);
});

test('there are never more rows than the cap', () => {
  const { made, draw, shown } = list({ cap: 10, perSecond: 1000 });
  for (let i = 0; i < 10; i++) { made.push(range(i * 5, i * 5 + 4)); draw(i * 1000); }
  assert.deepEqual(shown(), range(40, 49));
});

test('of a fast chat the newest are shown, and it is told', () => {
  let told = 0;
  const { made, draw, shown } = list({ onSkipped: () => told++ });
  made.push([0]);
  draw(0);
  made.push(range(1, 100));
  draw(200);
  assert.deepEqual(shown(), [0, ...range(96, 100)]);
  assert.equal(made.skipped, 95);
  assert.equal(told, 1);
});

test('what must be seen is never left out', () => {
  const { made, draw, shown } = list({ keep: (item) => item === 7 });
  made.push([0]);
  draw(0);
  made.push(range(1, 100));
  draw(200);
  assert.ok(shown().includes(7));
});

test('after a quiet time what was missed is shown whole', () => {
  const { made, draw, shown } = list();
  made.push([0]);
  draw(0);
  made.push(range(1, 100));
  draw(10_000);
  assert.equal(shown().length, 101);
});

test('while the reader is elsewhere rows stay and the new ones are counted', () => {
  const { made, draw, shown, waiting } = list();
  made.push([1]);
  draw(0);
  made.pause();
  made.push([2]);
  made.push([3, 4]);
  draw(1000);
  assert.deepEqual(shown(), [1]);
  assert.deepEqual(waiting, [1, 3]);
  made.resume();
  draw(2000);
  assert.deepEqual(shown(), [1, 2, 3, 4]);
  assert.equal(waiting.at(-1), 0);
});

test('what waits has a bound too', () => {
  const { made, draw, shown } = list({ cap: 10 });
  made.pause();
  for (let i = 0; i < 100; i++) made.push([i]);
  made.resume();
  draw(60_000);
  assert.ok(shown().length <= 10);
  assert.equal(shown().at(-1), 99);
});

test('a hidden comment goes from the screen and from what waits', () => {
  const { made, draw, shown, rows } = list();
  made.push([1, 2]);
  draw(0);
  made.push([3]);
  made.remove((item) => item === 2 || item === 3, rows.rows.filter((row) => row.item === 2));
  draw(1000);
  assert.deepEqual(shown(), [1]);
});

test('older rows stand before all others', () => {
  const { made, draw, shown } = list();
  made.push([5]);
  draw(0);
  made.older([3, 4]);
  assert.deepEqual(shown(), [3, 4, 5]);
});
