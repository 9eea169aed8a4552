/** Small parts that all pages share. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { lostSince, reasonOf, session, Unanswered } from '../api.ts'
import { visible } from '../format.ts'
import { to } from '../router.ts'
import { useStore } from '../store.ts'

/** Shows a name from outside: it cannot change the direction of the text around it, and hides no characters. */
export function Name({ of, full = of, empty = '(empty)' }: { of: string; full?: string; empty?: string }) {
  return of === '' ? <span class="muted">{empty}</span> : <bdi title={visible(full)}>{visible(of)}</bdi>
}

export function QueueLink({ vhost, name, tab }: { vhost: string; name: string; tab?: string }) {
  return (
    <a href={to(['queues', vhost, name], { tab })}>
      <Name of={name} />
    </a>
  )
}

/** The name of an exchange as RabbitMQ shows it: the default exchange, whose name is empty, is `amq.default`. */
export function exchangeName(name: string): string {
  return name === '' ? 'amq.default' : name
}

export function ExchangeLink({ vhost, name }: { vhost: string; name: string }) {
  return (
    <a href={to(['exchanges', vhost, exchangeName(name)])}>
      {name === '' ? <span>(default exchange)</span> : <Name of={name} />}
    </a>
  )
}

export function ConnectionLink({ name }: { name: string }) {
  return (
    <a href={to(['connections', name])}>
      <Name of={name} />
    </a>
  )
}

export function Badge({ kind = 'plain', children, title }: BadgeProps) {
  return (
    <span class={`badge ${kind}`} title={title}>
      {children}
    </span>
  )
}

interface ObjectBadgesProps {
  of: { vhost: string; type: string; durable: boolean; auto_delete: boolean; policy: string | null }
  /** Shown after the badge for durability. */
  own: ComponentChildren
  /** Shown after the policy. */
  children?: ComponentChildren
}

/** Badges for the properties of a queue or an exchange. */
export function ObjectBadges({ of, own, children }: ObjectBadgesProps) {
  return (
    <p class="badges">
      <Badge>
        <Name of={of.vhost} />
      </Badge>
      <Badge>{of.type}</Badge>
      {of.durable ? <Badge>durable</Badge> : <Badge kind="warn">gone after a restart</Badge>}
      {own}
      {of.auto_delete ? <Badge>auto-delete</Badge> : null}
      {of.policy === null ? null : <PolicyBadge kind="policy" name={of.policy} />}
      {children}
    </p>
  )
}

export function PolicyBadge({ kind, name }: { kind: 'policy' | 'operator policy'; name: string }) {
  return (
    <Badge kind="info">
      {kind} <Name of={name} />
    </Badge>
  )
}

interface BadgeProps {
  kind?: 'plain' | 'good' | 'warn' | 'bad' | 'info' | undefined
  title?: string
  children: ComponentChildren
}

export function Failure({ error }: { error: unknown }) {
  const lost = useStore(lostSince) !== undefined && session.get() !== undefined
  // The banner at the top of the page reports that already.
  if (error === undefined || (lost && error instanceof Unanswered && error.reading)) return null
  return (
    <p class="failure" role="alert">
      {visible(reasonOf(error))}
    </p>
  )
}

/** A button for an action that takes a while: it ignores clicks meanwhile, and keeps the focus. */
export function Action({ run, kind = '', disabled = false, children, ...rest }: ActionProps) {
  const [busy, setBusy] = useState(false)
  const click = async (): Promise<void> => {
    if (busy || disabled) return
    setBusy(true)
    try {
      await run()
    } finally {
      setBusy(false)
    }
  }
  return (
    <button
      type="button"
      class={`button ${kind}`}
      aria-disabled={busy || disabled}
      onClick={() => void click()}
      {...rest}
    >
      {children}
    </button>
  )
}

interface ActionProps {
  run(): unknown
  kind?: 'primary' | 'danger' | 'quiet' | ''
  /** Disables the button with aria-disabled, so that it keeps the focus. */
  disabled?: boolean
  children: ComponentChildren
  title?: string
  'aria-label'?: string
}

export function Card({ title, children, aside, id }: CardProps) {
  return (
    <section class="card" id={id}>
      {title === undefined ? null : (
        <header class="card-head">
          <h2>{title}</h2>
          {aside === undefined ? null : <div class="card-aside">{aside}</div>}
        </header>
      )}
      {children}
    </section>
  )
}

interface CardProps {
  title?: ComponentChildren
  children: ComponentChildren
  aside?: ComponentChildren
  id?: string
}

export function Figure({ label, value, note, tone }: FigureProps) {
  return (
    <div class={`figure ${tone ?? ''}`}>
      <span class="figure-label">{label}</span>
      <span class="figure-value">{value}</span>
      {note === undefined ? null : <span class="figure-note">{note}</span>}
    </div>
  )
}

interface FigureProps {
  label: ComponentChildren
  value: ComponentChildren
  note?: ComponentChildren
  tone?: 'warn' | 'bad' | undefined
}

/** A vertical list of names and values. */
export function Facts({ of }: { of: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** Shows a table: arguments, headers or definitions. */
export function TableValue({ of }: { of: Readonly<Record<string, unknown>> | undefined }) {
  const entries = Object.entries(of ?? {})
  if (entries.length === 0) return <span class="muted">none</span>
  return (
    <span class="table-value">
      {entries.map(([name, v]) => (
        // The prefix keeps Preact from mistaking a name such as __proto__ for a property.
        <span key={`pair ${name}`} class="pair">
          <Name of={name} />
          <span class="muted">=</span>
          {v === '' ? (
            <span class="muted">(empty)</span>
          ) : (
            <code>{visible(typeof v === 'string' ? v : JSON.stringify(v))}</code>
          )}
        </span>
      ))}
    </span>
  )
}

/** A table as text, to sort by. */
export function tableText(of: Readonly<Record<string, unknown>> | undefined): string {
  return Object.entries(of ?? {})
    .map(([name, v]) => `${name}=${typeof v === 'string' ? v : JSON.stringify(v)}`)
    .join(' ')
}

export function Tabs({ names, chosen, href }: TabsProps) {
  return (
    <nav class="tabs" aria-label="Parts of this page">
      {names.map(([key, label]) => (
        <a key={key} href={href(key)} aria-current={key === chosen ? 'page' : undefined}>
          {label}
        </a>
      ))}
    </nav>
  )
}

interface TabsProps {
  names: readonly (readonly [string, ComponentChildren])[]
  chosen: string
  href(key: string): string
}

export function Loading({ of = 'Reading …' }: { of?: string }) {
  return (
    <p class="muted loading" aria-live="polite">
      {of}
    </p>
  )
}

export function Heading({ title, crumbs = [], children }: HeadingProps) {
  const heading = useRef<HTMLHeadingElement>(null)
  // Moves the keyboard focus to the beginning of a page that took a while to load.
  useEffect(() => {
    const { activeElement, body } = document
    if (activeElement === body || activeElement?.id === 'main')
      heading.current?.focus({ preventScroll: true })
  }, [])
  return (
    <div class="heading">
      <div>
        {crumbs.length === 0 ? null : (
          <nav class="crumbs" aria-label="Where this is">
            {crumbs.map(([label, href]) => (
              <a key={href} href={href}>
                {label}
              </a>
            ))}
          </nav>
        )}
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
      </div>
      <div class="heading-actions">{children}</div>
    </div>
  )
}

interface HeadingProps {
  title: ComponentChildren
  crumbs?: readonly (readonly [string, string])[]
  children?: ComponentChildren
}

/** Shown in place of an object that does not exist or that the user may not see; `Loading` until that is known. */
export function Absent({ name, crumbs, error }: AbsentProps) {
  return error === undefined ? (
    <Loading />
  ) : (
    <>
      <Heading title={<Name of={name} />} crumbs={crumbs} />
      <Failure error={error} />
    </>
  )
}

interface AbsentProps {
  name: string
  crumbs: readonly (readonly [string, string])[]
  error: unknown
}
