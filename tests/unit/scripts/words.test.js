import assert from 'node:assert/strict';
import { test } from 'node:test';
import { announcer, moment, translator } from '../../../web/static/core/i18n.js';

const SIX = { zero: 'لا جديد', one: 'تعليق جديد', two: 'تعليقان', few: '{n} تعليقات', many: '{n} تعليقًا', other: '{n} تعليق' };

test('Arabic takes the form of its number: 0, 1, 2, 5, 38, 100', () => {
  const { tn } = translator('ar-u-nu-latn', { '{n} new': SIX });
  assert.deepEqual([0, 1, 2, 5, 38, 100].map((n) => tn('{n} new', '{n} new', n)), ['لا جديد', 'تعليق جديد', 'تعليقان', '5 تعليقات', '38 تعليقًا', '100 تعليق']);
});

test('a sentence without a translation is said in English', () => {
  const { t, tn } = translator('ja', {});
  assert.equal(t('Send to {name}', { name: 'Ann' }), 'Send to Ann');
  assert.equal(tn('{n} day', '{n} days', 1), '1 day');
  assert.equal(tn('{n} day', '{n} days', 12480), '12,480 days');
});

test('a word with a context has its own translation', () => {
  const { tc, t } = translator('ja', { 'role\u0004Host': '配信者', Host: 'ホスト' });
  assert.equal(tc('role', 'Host'), '配信者');
  assert.equal(t('Host'), 'ホスト');
});

test('a moment is written as the reader writes it', () => {
  assert.equal(moment('en', 0, 'ago', 120_000), '2 minutes ago');
  assert.equal(moment('ja', 0, 'ago', 3_600_000), '1 時間前');
});

test('the announcer says the newest thing, at most once in a while, and urgent things at once', () => {
  const region = { textContent: '' }, waiting = [];
  let time = 0;
  const say = announcer(/** @type {any} */ (region), { every: 10_000, now: () => time, later: (run, ms) => waiting.push([run, ms]) });
  say('one');
  waiting.shift()[0]();
  assert.equal(region.textContent, 'one');
  time = 2000;
  say('two');
  say('three');
  assert.equal(waiting.length, 1);
  assert.equal(waiting[0][1], 8000);
  say('muted', { urgent: true });
  assert.equal(region.textContent, 'muted');
  waiting.shift()[0]();
  assert.equal(region.textContent, 'muted');
});
