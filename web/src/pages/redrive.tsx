/** Moves dead-lettered messages back to the queues they came from. */
import { useState } from 'preact/hooks'
import { change, may } from '../api.ts'
import { plural, visible } from '../format.ts'
import type { Queue } from '../types.ts'
import { Card, Name } from '../ui/basic.tsx'
import { ask } from '../ui/dialog.tsx'
import { Choice, Field, Form } from '../ui/form.tsx'

interface Redriven {
  readonly moved: number
  readonly skipped: number
}

export function Redrive({ queue, target }: { queue: Queue; target: string }) {
  const [from, setFrom] = useState('')
  const [reason, setReason] = useState('')
  const [limit, setLimit] = useState('')
  const [rate, setRate] = useState('')
  const [result, setResult] = useState<Redriven | undefined>()
  if (!may('policymaker')) return null
  const number = (text: string): number | undefined => (text === '' ? undefined : Number(text))
  const text = (t: string): string | undefined => (t === '' ? undefined : t)
  const run = async (): Promise<void> => {
    ask({
      title: `Send the dead letters of ${queue.name} back?`,
      text: (
        <p>
          {limit === '' ? 'All fitting messages' : `Up to ${plural(Number(limit), 'message')}`} of{' '}
          <Name of={queue.name} /> leave it and go back to the queues that they came from
          {rate === '' ? ', as fast as it goes' : `, ${rate} a second`}. What has no history, or may not go
          back, stays.
        </p>
      ),
      verb: 'Send back',
      run: async () => {
        const body = { from: text(from), reason: text(reason), limit: number(limit), rate: number(rate) }
        setResult(await change<Redriven>('POST', `${target}/redrive`, body))
      },
      done: 'Done.',
    })
  }
  return (
    <Card title="Redrive: send dead letters back">
      <Form submit="Send back …" run={run}>
        <Field label="Only from queue" value={from} change={setFrom} placeholder="any" />
        <Choice
          label="Only what was"
          value={reason}
          change={setReason}
          of={[
            ['', 'any reason'],
            ['rejected', 'rejected'],
            ['expired', 'expired'],
            ['maxlen', 'too many'],
            ['delivery_limit', 'delivered too often'],
          ]}
        />
        <Field label="At most" type="number" min={1} value={limit} change={setLimit} placeholder="all" />
        <Field label="A second" type="number" min={1} value={rate} change={setRate} placeholder="no limit" />
      </Form>
      {result === undefined ? null : (
        <p role="status">
          {plural(result.moved, 'message')} sent back, {visible(String(result.skipped))} left where they are.
        </p>
      )}
    </Card>
  )
}
