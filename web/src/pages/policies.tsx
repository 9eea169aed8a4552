/** Policies and operator policies, with the queues and exchanges that a pattern matches. */
import { useEffect, useState } from 'preact/hooks'
import { change, enc, get, may, path } from '../api.ts'
import { count, visible } from '../format.ts'
import { usePoll, usePolling } from '../poll.ts'
import { setQuery, usePlace } from '../router.ts'
import type { Page, Policy } from '../types.ts'
import { Badge, Card, Failure, Heading, Name, TableValue, tableText } from '../ui/basic.tsx'
import { ask, say } from '../ui/dialog.tsx'
import { Choice, Field, Form, JsonField, jsonObject } from '../ui/form.tsx'
import { type Column, Count, Filter, Grid, useLocalRows, useOrder } from '../ui/grid.tsx'
import { useVhostField } from '../ui/vhost-choice.tsx'

interface Row extends Policy {
  readonly operator: boolean
}

function kindOf(p: { operator: boolean }): string {
  return p.operator ? 'operator-policies' : 'policies'
}

const columns: readonly Column<Row>[] = [
  {
    key: 'name',
    title: 'Name',
    sort: (p) => p.name,
    width: 'min(11rem, 33vw)',
    render: (p) => (
      <button
        type="button"
        class="link"
        onClick={() => setQuery({ edit: `${kindOf(p)}/${path(p.vhost, p.name)}` })}
      >
        <Name of={p.name} />
      </button>
    ),
  },
  {
    key: 'vhost',
    title: 'Vhost',
    sort: (p) => p.vhost,
    width: '6rem',
    hide: 'tablet',
    render: (p) => <Name of={p.vhost} />,
  },
  {
    key: 'pattern',
    title: 'Pattern',
    sort: (p) => p.pattern,
    width: 'min(11rem, 35vw)',
    render: (p) => (
      <>
        <code>{visible(p.pattern)}</code>{' '}
        {p.warning === undefined ? null : (
          <Badge kind="warn" title={p.warning}>
            warning
          </Badge>
        )}
      </>
    ),
  },
  {
    key: 'to',
    title: 'Applies to',
    sort: (p) => `${p['apply-to']} ${p.operator}`,
    width: '10.5rem',
    hide: 'tablet',
    render: (p) => (
      <>
        {p['apply-to']} {p.operator ? <Badge kind="info">operator</Badge> : null}
      </>
    ),
  },
  {
    key: 'definition',
    title: 'Definition',
    sort: (p) => tableText(p.definition),
    hide: 'phone',
    render: (p) => <TableValue of={p.definition} />,
  },
  {
    key: 'priority',
    title: 'Priority',
    sort: (p) => p.priority,
    numeric: true,
    width: '5.8rem',
    hide: 'phone',
    render: (p) => p.priority,
  },
  {
    key: 'actions',
    title: '',
    width: '6.5rem',
    render: (p) => (
      <button type="button" class="button small danger" onClick={() => remove(p)}>
        Delete
      </button>
    ),
  },
]

function remove(p: Row): void {
  ask({
    title: `Delete ${p.name}?`,
    text: (
      <p>
        The {p.operator ? 'operator policy' : 'policy'} <Name of={p.name} /> in <Name of={p.vhost} /> is taken
        off at once from all that it applies to: its limits, times to live and dead-letter exchanges do not
        hold any more.
      </p>
    ),
    verb: 'Delete policy',
    run: () => change('DELETE', `${kindOf(p)}/${path(p.vhost, p.name)}`),
    done: `${p.name} is deleted.`,
  })
}

export function Policies() {
  const order = useOrder()
  const user = usePoll<readonly Policy[]>('policies')
  const operator = usePoll<readonly Policy[]>('operator-policies')
  const list =
    user.data === undefined
      ? undefined
      : [
          ...user.data.map((p): Row => ({ ...p, operator: false })),
          ...(operator.data ?? []).map((p): Row => ({ ...p, operator: true })),
        ]
  const rows = useLocalRows(list, columns, order, (p) => `${p.name} ${p.pattern}`, user.error)
  const edited = usePlace().query.get('edit')
  const old = list?.find((p) => `${kindOf(p)}/${path(p.vhost, p.name)}` === edited)
  return (
    <>
      <Heading title="Policies" />
      <div class="tools">
        <Filter label="Filter by name or pattern" />
        <Count rows={rows} what="policies" />
      </div>
      <Grid
        low
        label="Policies"
        columns={columns}
        rows={rows}
        order={order}
        id={(p) => `${kindOf(p)}\n${p.vhost}\n${p.name}`}
        empty="No policies. A policy gives all queues or exchanges whose names fit a pattern the same settings, while they run."
      />
      {may('policymaker') ? <SetPolicy key={old === undefined ? '' : edited} old={old} /> : null}
    </>
  )
}

const scopes = ['queues', 'exchanges', 'all', 'classic_queues', 'quorum_queues', 'streams'] as const

function SetPolicy({ old }: { old: Row | undefined }) {
  const [operator, setOperator] = useState(String(old?.operator ?? false))
  const [name, setName] = useState(old?.name ?? '')
  const [pattern, setPattern] = useState(old?.pattern ?? '')
  const [scope, setScope] = useState(old?.['apply-to'] ?? 'queues')
  const [priority, setPriority] = useState(String(old?.priority ?? 0))
  const [definition, setDefinition] = useState(
    old === undefined ? '' : JSON.stringify(old.definition, null, 2),
  )
  const [target, vhostField] = useVhostField(old?.vhost)
  const run = async (): Promise<void> => {
    await change('PUT', `${kindOf({ operator: operator === 'true' })}/${path(target, name)}`, {
      pattern,
      'apply-to': scope,
      priority: Number(priority),
      definition: jsonObject(definition, 'Definition'),
    })
    say(`Policy ${name} applies.`)
    setQuery({ edit: undefined })
  }
  return (
    <Card title={old === undefined ? 'Add a policy' : `Change ${visible(old.name)}`}>
      <Form submit={old === undefined ? 'Add policy' : 'Save policy'} run={run}>
        <Field label="Name" value={name} change={setName} required />
        {vhostField}
        <Field
          label="Pattern"
          value={pattern}
          change={setPattern}
          mono
          required
          hint="a regular expression, not anchored: ^orders\."
        />
        <Choice
          label="Applies to"
          value={scope}
          change={setScope}
          of={scopes.map((s) => [s, s.replace('_', ' ')] as const)}
        />
        <Field
          label="Priority"
          type="number"
          value={priority}
          change={setPriority}
          hint="where several fit, the highest applies"
        />
        <Choice
          label="Kind"
          value={operator}
          change={setOperator}
          of={[
            ['false', 'policy'],
            ['true', 'operator policy: limits that users cannot exceed'],
          ]}
        />
        <JsonField
          label="Definition"
          value={definition}
          change={setDefinition}
          rows={4}
          example={'{"message-ttl": 60000, "max-length": 1000, "dead-letter-exchange": "dead"}'}
        />
        <Preview vhost={target} pattern={pattern} scope={scope} />
      </Form>
    </Card>
  )
}

const PREVIEW = 12
const PAUSE_MS = 250

interface Named {
  readonly name: string
}

/** The queues and exchanges that the pattern matches at present, while it is being typed. */
function Preview({ vhost, pattern, scope }: { vhost: string; pattern: string; scope: string }) {
  const [asked, setAsked] = useState(pattern)
  useEffect(() => {
    const timer = setTimeout(() => setAsked(pattern), PAUSE_MS)
    return () => clearTimeout(timer)
  }, [pattern])
  const kinds = [
    ...(scope === 'exchanges' ? [] : ['queues']),
    ...(scope === 'exchanges' || scope === 'all' ? ['exchanges'] : []),
  ]
  return (
    <div class="field wide preview">
      {kinds.map((kind) => (
        <Matches key={kind} kind={kind} vhost={vhost} pattern={asked} typed={/_|streams/.test(scope)} />
      ))}
    </div>
  )
}

interface MatchesProps {
  kind: string
  vhost: string
  pattern: string
  /** Whether the policy applies to one type of queue only. */
  typed: boolean
}

function Matches({ kind, vhost, pattern, typed }: MatchesProps) {
  const target = `${kind}/${enc(vhost)}?page=1&page_size=${PREVIEW}&columns=name&use_regex=true&name=${enc(pattern)}`
  const { data, error } = usePolling(pattern === '' ? undefined : target, (signal) =>
    get<Page<Named>>(target, signal),
  )
  if (pattern === '') return null
  if (data === undefined) return <Failure error={error} />
  const more = data.filtered_count - data.items.length
  return (
    <p role="status">
      <b>
        {count(data.filtered_count)} of {count(data.total_count)}
      </b>{' '}
      {kind} {typed ? '(of all types) ' : ''}fit the pattern{data.items.length > 0 ? ': ' : '.'}
      {data.items.map((q, i) => (
        <span key={`name ${q.name}`}>
          {i > 0 ? ', ' : ''}
          <Name of={q.name} empty="(default)" />
        </span>
      ))}
      {more > 0 ? ` and ${count(more)} more` : ''}
    </p>
  )
}
