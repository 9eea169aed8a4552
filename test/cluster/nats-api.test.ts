/** What nats-server says, and what is made of it. */
import { describe, expect, it } from 'vitest'
import { copyOf, sequenceOf, unfitStream, versionProblem } from '../../src/cluster/nats-api.ts'

const SECOND = 1_000_000_000

describe('a server that follows', () => {
  it.each([
    ['has everything', { current: true, active: SECOND / 5 }, { current: true, lag: 0, reached: true }],
    ['is behind', { current: false, lag: 7, active: SECOND }, { current: false, lag: 7, reached: true }],
    [
      'has not been heard for long',
      { current: false, lag: 7, active: 20 * SECOND },
      { current: false, lag: 7, reached: false },
    ],
    [
      'is not connected',
      { current: false, offline: true, active: SECOND },
      { current: false, lag: 0, reached: false },
    ],
  ])('%s', (_, info, expected) => {
    expect(copyOf({ name: 'n1', ...info })).toEqual({ name: 'n1', ...expected })
  })
})

describe('a release of nats-server', () => {
  it.each([
    ['2.9.10', true],
    ['2.9.18', false],
    ['2.10.19', false],
    ['2.10.20', true],
    ['2.10.22', true],
    ['of today', true],
  ])('%s', (version, refused) => {
    expect(versionProblem(version)?.refused).toBe(refused)
  })

  it.each(['2.10.23', '2.10.27', '2.11.0', '3.0.0-beta.1'])('%s is good', (version) => {
    expect(versionProblem(version)).toBeUndefined()
  })
})

describe('the place of a delivered record', () => {
  it('is taken from the address of its acknowledgement, with and without domain', () => {
    expect(sequenceOf('$JS.ACK.stream.reader.1.42.7.1700000000000000000.0')).toBe(42)
    expect(sequenceOf('$JS.ACK.domain.account.stream.reader.1.42.7.1700000000000000000.0.token')).toBe(42)
    expect(sequenceOf('_INBOX.x.42')).toBeUndefined()
  })
})

describe('a stream that somebody else has made', () => {
  const config = {
    description: 'Log of Leveret x',
    subjects: ['s'],
    retention: 'limits',
    storage: 'file',
    num_replicas: 3,
  }
  it.each([
    [{}, undefined],
    [{ description: 'mine' }, 'cluster.name'],
    [{ retention: 'workqueue' }, 'workqueue'],
    [{ storage: 'memory' }, 'memory'],
    [{ max_age: 1 }, 'limits'],
  ])('%j', (more, problem) => {
    const found = unfitStream({ config: { ...config, ...more } })
    if (problem === undefined) expect(found).toBeUndefined()
    else expect(found).toContain(problem)
  })
})
