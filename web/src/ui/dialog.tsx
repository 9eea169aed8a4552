/** Confirmation dialogs before something is destroyed, and short notes about what has been done. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { visible } from '../format.ts'
import { Store, useStore } from '../store.ts'
import { Failure } from './basic.tsx'
import { focusPlace } from './focus.ts'

interface Question {
  readonly title: string
  /** What will be destroyed, and the consequences. */
  readonly text: ComponentChildren
  /** The label of the button that confirms. */
  readonly verb: string
  readonly run: () => Promise<unknown>
  /** The note shown when it is done. */
  readonly done: string
  readonly after?: (() => void) | undefined
}

const question = new Store<Question | undefined>(undefined)
const notes = new Store<readonly { id: number; text: string }[]>([])
let lastNote = 0
const NOTE_MS = 5000

/** Opens the confirmation dialog. */
export function ask(q: Question): void {
  question.set(q)
}

interface AskButtonProps extends Question {
  children: ComponentChildren
  kind?: 'danger' | 'small danger' | ''
}

/** A button that asks for confirmation before it acts. */
export function AskButton({ children, kind = 'danger', ...asked }: AskButtonProps) {
  return (
    <button type="button" class={`button ${kind}`} onClick={() => ask(asked)}>
      {children}
    </button>
  )
}

export function say(text: string): void {
  const id = ++lastNote
  notes.set([...notes.get().slice(-3), { id, text }])
  setTimeout(() => notes.set(notes.get().filter((n) => n.id !== id)), NOTE_MS)
}

export function Dialog({ title, close, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const d = element.current
    const before = document.activeElement
    if (d !== null && !d.open) d.showModal()
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus()
      else focusPlace()
    }
  }, [])
  return (
    <dialog
      ref={element}
      aria-label={visible(title)}
      onCancel={(e) => {
        e.preventDefault()
        close()
      }}
    >
      <h2>{visible(title)}</h2>
      {children}
    </dialog>
  )
}

interface DialogProps {
  title: string
  close(): void
  children: ComponentChildren
}

function AskedQuestion({ of }: { of: Question }) {
  const [error, setError] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const close = (): void => question.set(undefined)
  const run = async (): Promise<void> => {
    if (busy) return
    setBusy(true)
    setError(undefined)
    try {
      await of.run()
      close()
      say(of.done)
      of.after?.()
    } catch (e) {
      setError(e)
    }
    setBusy(false)
  }
  return (
    <Dialog title={of.title} close={close}>
      <div class="dialog-text">{of.text}</div>
      <Failure error={error} />
      <div class="dialog-foot">
        <button type="button" class="button" onClick={close}>
          Cancel
        </button>
        <button type="button" class="button danger" aria-disabled={busy} onClick={() => void run()}>
          {of.verb}
        </button>
      </div>
    </Dialog>
  )
}

export function Dialogs() {
  const asked = useStore(question)
  const all = useStore(notes)
  return (
    <>
      {asked === undefined ? null : <AskedQuestion of={asked} />}
      <output class="notes" aria-live="polite">
        {all.map((n) => (
          <span class="note" key={n.id}>
            {visible(n.text)}
          </span>
        ))}
      </output>
    </>
  )
}
