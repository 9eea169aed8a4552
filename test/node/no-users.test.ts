/** A folder without a user: nobody is made up for it, and the log says why nobody can log in. */
import { expect, it } from 'vitest'
import { runCommand } from '../support/ctl.ts'
import { testFolder } from '../support/folder.ts'
import { startProcess } from '../support/process.ts'

it('without any user, a broker says so at the start, and not where there is one', async () => {
  const dir = testFolder('no-users')
  const told = async (...command: string[]): Promise<boolean> => {
    const broker = await startProcess(dir, 0, ['--management-port', '0'])
    expect((await runCommand([...command, '--data-dir', dir])).code).toBe(0)
    await broker.stop('SIGTERM')
    return broker.lines.some((l) =>
      l.includes('there is no user, so nobody can log in: leveret add_user NAME'),
    )
  }
  expect(await told('delete_user', 'guest')).toBe(false)
  expect(await told('add_user', 'ann', 'secret')).toBe(true)
  expect(await told('list_users')).toBe(false)
})
