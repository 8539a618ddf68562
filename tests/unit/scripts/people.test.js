import assert from 'node:assert/strict';
import { test } from 'node:test';

globalThis.HTMLElement = class {};
const { hue, initials } = await import('../../../web/static/room/rows.js');
const { countdown } = await import('../../../web/static/live/stage.js');
const { translator } = await import('../../../web/static/core/i18n.js');

test('a person has the colour and letters that the server gives', () => {
  assert.deepEqual(['m42', 'g0123456789abcdef', 'm1'].map(hue), JSON.parse(process.env.HUES ?? '[8,10,8]'));
  assert.deepEqual(['น้ำฝน', 'mika', '', '👩‍🔬x'].map(initials), ['นฝ', 'm', '', '👩']);
});

test('the time to the start is a clock, with days before it', () => {
  const words = translator('en', { '{n} day': { one: '{n} day', other: '{n} days' } });
  assert.equal(countdown(272, words), '04:32');
  assert.equal(countdown(3 * 3600 + 272, words), '3:04:32');
  assert.equal(countdown(2 * 86400 + 5, words), '2 days 0:00:05');
});
