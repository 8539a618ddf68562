import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verified } from '../../../web/static/giveaway/draw.js';

const PROOF = JSON.parse(process.env.DRAW ?? 'null');

test('a draw of the server is found right', async () => {
  assert.equal(await verified(PROOF), true);
});

test('another seed, entry, winner, order or number of winners is found out', async () => {
  const [first, second, ...rest] = PROOF.won;
  for (const changed of [
    { seed: '00'.repeat(32) }, { commitment: '00'.repeat(32) }, { people: PROOF.people.slice(1) },
    { people: [...PROOF.people, 'm999'] }, { people: [...PROOF.people, PROOF.people[0]] },
    { won: [second, first, ...rest] }, { won: [{ person: 'm999' }, second, ...rest] }, { won: [first] }, { won: [] },
    { entries_digest: '00'.repeat(32) },
  ]) assert.equal(await verified({ ...PROOF, ...changed }), false, JSON.stringify(changed).slice(0, 40));
});
