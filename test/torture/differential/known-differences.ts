/**
 * In what Leveret and RabbitMQ differ, each with its reason. Rows are as narrow as they can be; those that no program has
 * needed are reported at the end of a run.
 */
import {
  both,
  cameBack,
  consumersOf,
  didCrash,
  firstUnlike,
  has,
  headersOf,
  inOrder,
  isLetter,
  nested,
  readyIn,
  sameMessages,
  unbroken,
  type Whole,
  withoutConsumers,
  withoutEmpty,
  withoutKind,
} from './lines.ts'
import { isMethod, type Step } from './step.ts'
import { isDecimal } from './values.ts'

/** The lines of a step that only one of them has. */
interface Seen {
  readonly step: Step
  readonly leveret: readonly string[]
  readonly rabbit: readonly string[]
  /** All lines, in their order. */
  readonly whole: Whole
}

export interface Row {
  readonly reason: string
  /** Only RabbitMQ before this release, or from it on. */
  readonly before?: readonly number[]
  readonly since?: readonly number[]
  /** Both lines without what the row is about. Rows are tried in their order, until the lines are equal. */
  even?(leveret: string, rabbit: string, step: Step): readonly [string, string]
  /** True where that is the difference; the rest of the program is left out, as nothing is the same any more. */
  ends?(seen: Seen): boolean
}

export const table: readonly Row[] = [
  {
    reason: 'an x-death of a publisher that is no list does not keep RabbitMQ’s x-first-death headers away',
    before: [4, 0],
    even: (a, b) => [
      b.includes('x-death=') && !b.includes('x-first-death')
        ? a.replaceAll(/ ?x-(first|last)-death-\w+="[^"]*"/g, '')
        : a,
      b,
    ],
  },
  {
    reason: 'RabbitMQ counts the messages of a stream now and then, and its consumers not at all',
    even(a, b, step) {
      const about = isMethod(step) && step.fields?.['queue'] === '@s' && /^queue\.de/.test(step.do)
      const counted = about ? /^@s: .*|(?<=queue\.de\S+-ok .*)\w+Count=\d+/g : /^@s: .*/
      return both(a, b, (l) => l.replace(counted, '@s: ready=?'))
    },
  },
  {
    reason:
      'RabbitMQ counts who has got a message from a quorum queue as a consumer of it until that is settled',
    even(a, b) {
      const [mine, theirs] = consumersOf(a, b)
      return theirs > mine ? both(a, b, withoutConsumers) : [a, b]
    },
  },
  {
    reason:
      'RabbitMQ counts of the consumers of a quorum queue only the single active one, not those that wait',
    even(a, b) {
      const [mine, theirs] = consumersOf(a, b)
      return theirs > 0 && mine > theirs ? both(a, b, withoutConsumers) : [a, b]
    },
  },
  {
    reason: 'the count in basic.get-ok still has messages that have expired behind the one that was got',
    even(a, b) {
      const [mine, theirs] = [a, b].map((l) => /: get .* messageCount=(\d+)$/.exec(l)?.[1])
      if (mine === undefined || theirs === undefined || Number(theirs) >= Number(mine)) return [a, b]
      return both(a, b, (l) => l.replace(/messageCount=\d+$/, ''))
    },
  },
  {
    reason: 'x-delivery-count is there from the first redelivery on, as from RabbitMQ 4.0 on',
    before: [4, 0],
    even: (a, b) => [withoutEmpty(a), withoutEmpty(b.replace(/ ?x-delivery-count=l0/, ''))],
  },
  {
    reason: 'quorum queues tell x-acquired-count as from RabbitMQ 4.3 on',
    before: [4, 3],
    even: (a, b) => [a.replace(/ ?x-acquired-count=l\d+/, ''), b],
  },
  {
    reason: 'x-last-death headers are of RabbitMQ 3.13',
    before: [3, 13],
    even: (a, b) => [a.replaceAll(/ ?x-last-death-\w+="[^"]*"/g, ''), b],
  },
  {
    reason: 'RabbitMQ keeps no tables and lists among the headers of a message in a stream',
    even(a, b) {
      if (!a.includes('x-stream-offset=')) return [a, b]
      return [a.replace(nested, ''), b]
    },
  },
  {
    reason: 'RabbitMQ tells the delivery mode of a message in a stream that had none',
    since: [4, 0],
    even: (a, b) =>
      a.includes('x-stream-offset=') && !a.includes('deliveryMode')
        ? [a, b.replace(/ deliveryMode=1/, '')]
        : [a, b],
  },
  {
    reason: 'a dead letter with a fixed key loses its CC header, as before RabbitMQ 3.13',
    since: [3, 13],
    even: (a, b) => (isLetter(a, b) && !/ ?CC=/.test(a) ? [a, b.replace(/CC=\[[^\]]*\] ?/, '')] : [a, b]),
  },
  {
    reason: 'a dead letter begins anew: it was not delivered before, nor counted by a quorum queue',
    since: [4, 0],
    ends: ({ leveret, rabbit }) =>
      has(leveret, /redelivered=false .*x-death=\[/) && has(rabbit, /redelivered=true .*x-death=\[/),
  },
  {
    reason: 'RabbitMQ keeps no cluster id of a message in a stream',
    since: [4, 0],
    even: (a, b) =>
      a.includes('x-stream-offset=') && !b.includes('clusterId')
        ? [a.replace(/ clusterId=\w+/, ''), b]
        : [a, b],
  },
  {
    reason: 'RabbitMQ 3.10 keeps no CC headers in a stream',
    before: [4, 0],
    even: (a, b) => (a.includes('x-stream-offset=') ? [a.replace(/ ?CC=\[[^\]]*\]/, ''), b] : [a, b]),
  },
  {
    reason:
      'headers keep their order where RabbitMQ sorts them, as it does where it changes one or stores them anew',
    even(a, b) {
      if (headersOf(a).length !== headersOf(b).length) return [a, b]
      return both(a, b, inOrder)
    },
  },
  {
    reason: 'texts of RabbitMQ 3.10 that later releases have otherwise: consumers of streams',
    before: [4, 0],
    even: (a, b) => [
      a,
      b
        .replace(/is not set for '(queue '@s' in vhost '\/')'/, 'is not set for stream $1')
        .replace('acknowledgement not supported by stream queues', 'acknowledgement not supported by stream'),
    ],
  },
  {
    reason: 'RabbitMQ has the names of the exchange types of plugins in quotes twice',
    even: (a, b) => both(a, b, (l) => l.replaceAll(/''(x-[\w-]+)''/g, "'$1'")),
  },
  {
    reason:
      'RabbitMQ escapes texts of the HTTP API as if they were HTML, and breaks lists into lines; keys have no order',
    even(a, b) {
      if (!/policy: 400/.test(a)) return [a, b]
      return [unbroken(a), unbroken(b)]
    },
  },
  {
    reason: 'classic queues may have a delivery limit, and x-queue-leader-locator as from RabbitMQ 4.0 on',
    ends: ({ step, rabbit }) =>
      step.do === 'queue.declare' &&
      has(
        rabbit,
        /invalid arg 'x-(delivery-limit|queue-leader-locator)' .* of queue type rabbit_classic_queue/,
      ),
  },
  {
    reason: 'RabbitMQ ends with an internal error where x-stream-offset is a text that it does not know',
    ends: ({ step, rabbit }) =>
      isMethod(step) && step.arguments?.['x-stream-offset'] === 'nosuch' && has(rabbit, didCrash),
  },
  {
    reason: 'a policy may have any text for the queue master locator, which has no effect',
    ends: ({ step, rabbit }) =>
      /policy$/.test(step.do) && has(rabbit, /invalid queue-master-locator value|not a valid master locator/),
  },
  {
    reason: 'a type of queue that there is not is refused before anything else',
    even: (a, b) =>
      /406 .* invalid arg 'x-queue-type' for/.test(a) && /channel\.close replyCode=40[356]/.test(b)
        ? [a, a]
        : [a, b],
  },
  {
    reason:
      'a queue that is to reject publishes takes one, however long, that a waiting consumer gets at once',
    ends: ({ step, leveret, rabbit }) =>
      /^(basic\.publish|tx\.commit)$/.test(step.do) &&
      (has(rabbit, /: refused m|partial tx completion/) || rabbit.length === 0) &&
      leveret.every((l) => /: (holds )?deliver .* redelivered=false|: (confirmed m|tx\.commit-ok)/.test(l)) &&
      has(leveret, /: deliver /),
  },
  {
    reason: 'RabbitMQ ends with an internal error where a server-named queue is of a type that there is not',
    ends: ({ step, rabbit }) =>
      isMethod(step) &&
      step.fields?.['queue'] === '' &&
      /^(nosuch|5)$/.test(String(step.arguments?.['x-queue-type'])) &&
      has(rabbit, didCrash),
  },
  {
    reason: 'what comes back to a quorum queue is in front of the others, as from RabbitMQ 4.0 on',
    before: [4, 0],
    ends({ whole }) {
      const [mine, theirs] = firstUnlike(whole)
      return cameBack.test(mine) && theirs !== ''
    },
  },
  {
    reason:
      'what comes back to a quorum queue from several consumers or with a commit may be in another order',
    ends({ step, whole }) {
      const [mine, theirs] = firstUnlike(whole)
      const back = [mine, theirs].filter((l) => cameBack.test(l)).length
      return back === 2 || (back === 1 && step.do === 'tx.commit' && sameMessages(whole))
    },
  },
  {
    reason: 'operator policies have more keys than in RabbitMQ 3.10',
    before: [3, 13],
    ends: ({ step, rabbit }) =>
      step.do === 'operator policy' &&
      has(rabbit, /(queue-version|overflow|queue-master-locator).* are not recognised/s),
  },
  {
    reason: 'RabbitMQ has one text for the number of messages and of octets in memory',
    even: (a, b) => [
      a,
      b.replace('maximum memory in bytes', /maximum number of \w+ in memory/.exec(a)?.[0] ?? ''),
    ],
  },
  {
    reason: 'of several arguments that differ from the declaration another one may be named',
    even: (a, b) => both(a, b, (l) => l.replace(/inequivalent arg 'x-.*(?= classId=50)/, 'inequivalent arg')),
  },
  {
    reason: 'a client may answer basic.cancel, as the specification has it',
    ends: ({ step, rabbit }) => step.do === 'basic.cancel-ok' && has(rabbit, /replyCode=503/),
  },
  {
    reason: 'quorum queues can be deleted if they are empty or unused, too',
    ends: ({ step, rabbit }) =>
      step.do === 'queue.delete' && has(rabbit, /queue\.delete operations with if-\w+ flag set/),
  },
  {
    reason: 'RabbitMQ 3.10 ends with an internal error where the queue master locator is no text',
    ends: ({ step, rabbit }) =>
      isMethod(step) && step.arguments?.['x-queue-master-locator'] === 5 && has(rabbit, didCrash),
  },
  {
    reason:
      'RabbitMQ ends with an internal error where a stream gets a message with a decimal among its headers',
    ends: ({ step, rabbit }) =>
      isMethod(step) && Object.values(step.content?.headers ?? {}).some(isDecimal) && has(rabbit, didCrash),
  },
  {
    reason:
      'RabbitMQ 3.10 checks arguments of consumers by the kind of the queue, and refuses what it does not know',
    before: [4, 0],
    ends: ({ step, rabbit }) =>
      step.do === 'basic.consume' &&
      has(rabbit, /invalid arg 'x-cancel-on-ha-failover' for queue .* of queue type/),
  },
  {
    reason: 'what is illegal before connection.open is said, where RabbitMQ ends the socket',
    even(a, b, { do: what }) {
      const said =
        what === 'handshake' && b === 'the socket ended' && /^connection\.close replyCode=50[34]/.test(a)
      return said ? [b, b] : [a, b]
    },
  },
  {
    reason: 'queues of no kind in particular have no x-queue-type among their arguments',
    since: [4, 0],
    even(a, b) {
      return a.startsWith('queues: ') ? [withoutKind(a), withoutKind(b)] : [a, b]
    },
  },
  {
    reason: 'a segment size of a stream that is too large is refused as any wrong value of an argument is',
    ends: ({ step, leveret, rabbit }) =>
      step.do === 'queue.declare' &&
      has(leveret, /invalid arg 'x-stream-max-segment-size-bytes' .*value_too_large/) &&
      has(rabbit, /406 .*Exceeded max value for x-stream-max-segment-size-bytes/),
  },
  {
    reason: 'what has expired when it comes to the head of a queue with priorities is gone at once',
    ends: ({ step, leveret, rabbit }) =>
      isMethod(step) &&
      step.content?.properties['expiration'] === '0' &&
      leveret.length === 1 &&
      rabbit.length === 1 &&
      readyIn(leveret) === readyIn(rabbit) - 1,
  },
  {
    reason: 'a delivery from a stream may be rejected, as from RabbitMQ 4.0 on',
    before: [4, 0],
    ends: ({ rabbit }) => has(rabbit, /540 .*basic\.nack and basic\.reject not supported by stream queues/),
  },
  {
    reason: 'of several wrong values of a policy another one may be named',
    since: [4, 0],
    even: (a, b) => ([a, b].every((l) => /policy: 400 .*is not a valid/.test(l)) ? [a, a] : [a, b]),
  },
  {
    reason: 'consumers are told in their order that their queue is gone, by RabbitMQ in that of their tags',
    ends: ({ whole: { leveret, rabbit } }) =>
      leveret.every((l, i) => l === rabbit[i] || /: basic\.cancel /.test(l)) &&
      [...leveret].sort().join() === [...rabbit].sort().join(),
  },
  {
    reason: 'a commit to a queue that was deleted before it is a commit to nobody',
    since: [4, 0],
    ends: ({ step, leveret, rabbit }) =>
      step.do === 'tx.commit' &&
      has(rabbit, /partial tx completion|Stream not found for queue/) &&
      has(leveret, /: tx\.commit-ok$/),
  },
  {
    reason: 'RabbitMQ shows a void argument as a text',
    even: (a, b) => (a.startsWith('bindings: ') ? [a, b.replaceAll('"undefined"', 'null')] : [a, b]),
  },
]
