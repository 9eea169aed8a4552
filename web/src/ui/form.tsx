/** Fields with labels, and forms that show what the broker says about them. */
import type { ComponentChildren } from 'preact'
import { useId, useState } from 'preact/hooks'
import { visible } from '../format.ts'
import { Failure } from './basic.tsx'

interface FieldProps {
  label: string
  value: string
  change(value: string): void
  hint?: ComponentChildren
  type?: 'text' | 'password' | 'number'
  placeholder?: string
  required?: boolean
  autoComplete?: string
  mono?: boolean
  autoFocus?: boolean
  min?: number
}

export function Field({ label, value, change, hint, mono, autoFocus, type = 'text', ...rest }: FieldProps) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        // The types of JSX attributes require a single literal.
        type={type as 'text'}
        value={value}
        class={mono === true ? 'mono' : undefined}
        spellcheck={false}
        autoCapitalize="off"
        ref={(e) => {
          if (e !== null && autoFocus === true && e.dataset['seen'] === undefined) {
            e.dataset['seen'] = ''
            e.focus()
          }
        }}
        onInput={(e) => change(e.currentTarget.value)}
        {...rest}
      />
      {hint === undefined ? null : <small>{hint}</small>}
    </div>
  )
}

export function TextArea({ label, value, change, hint, rows = 4 }: FieldProps & { rows?: number }) {
  const id = useId()
  return (
    <div class="field wide">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        rows={rows}
        class="mono"
        spellcheck={false}
        value={value}
        onInput={(e) => change(e.currentTarget.value)}
      />
      {hint === undefined ? null : <small>{hint}</small>}
    </div>
  )
}

interface JsonFieldProps extends Omit<FieldProps, 'hint'> {
  rows: number
  example: string
  note?: string
}

/** A field for JSON, with an example below it. */
export function JsonField({ example, note = '', ...field }: JsonFieldProps) {
  const hint = (
    <>
      JSON, such as <code>{example}</code>
      {note}
    </>
  )
  return <TextArea {...field} hint={hint} />
}

interface ChoiceProps {
  label: string
  value: string
  change(value: string): void
  of: readonly (readonly [string, string])[]
  hint?: ComponentChildren
}

export function Choice({ label, value, change, of, hint }: ChoiceProps) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(e) => change(e.currentTarget.value)}>
        {of.map(([v, text]) => (
          <option key={`value ${v}`} value={v} selected={v === value}>
            {visible(text)}
          </option>
        ))}
      </select>
      {hint === undefined ? null : <small>{hint}</small>}
    </div>
  )
}

export function Check({ label, value, change }: { label: string; value: boolean; change(v: boolean): void }) {
  return (
    <label class="check">
      <input type="checkbox" checked={value} onChange={(e) => change(e.currentTarget.checked)} />
      <span>{label}</span>
    </label>
  )
}

interface FormProps {
  children: ComponentChildren
  submit: string
  run(): Promise<unknown>
  kind?: 'primary' | 'danger'
  extra?: ComponentChildren
  disabled?: boolean
}

/** A form that shows the broker's error below the fields. */
export function Form({ children, submit, run, kind = 'primary', extra, disabled = false }: FormProps) {
  const [error, setError] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const send = async (): Promise<void> => {
    setBusy(true)
    setError(undefined)
    try {
      await run()
    } catch (e) {
      setError(e)
    }
    setBusy(false)
  }
  return (
    <form
      class="form"
      onSubmit={(e) => {
        e.preventDefault()
        if (!busy) void send()
      }}
    >
      <div class="fields">{children}</div>
      <Failure error={error} />
      <div class="form-foot">
        {/* Not disabled while busy: a disabled button loses the keyboard focus. */}
        <button type="submit" class={`button ${kind}`} disabled={disabled} aria-disabled={busy}>
          {submit}
        </button>
        {extra}
      </div>
    </form>
  )
}

/** Parses a field with a JSON object; empty = no members. @throws Error that names the field */
export function jsonObject(text: string, what: string): Record<string, unknown> {
  if (text.trim() === '') return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`)
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new Error(`${what} must be an object, such as {"x-max-length": 1000}`)
  return value as Record<string, unknown>
}
