/** Applies the vhosts, users and definitions of the settings to what the store has restored. */

import { vhostInfo } from '../broker/vhost.ts'
import type { Settings, UserOptions } from '../config/settings.ts'
import type { Model } from '../model/model.ts'
import { applyVhostDefaults } from '../operations/vhost-defaults.ts'
import { newPasswordHashSync } from '../security/passwords.ts'

const EVERYTHING = { configure: '.*', write: '.*', read: '.*' }

/**
 * Resolves when they are on disk.
 * @param isNew whether the store was empty
 * @throws Error that names the definitions file that cannot be loaded
 */
export async function seed(model: Model, settings: Settings, isNew = model.broker.isNew): Promise<void> {
  const { broker, users } = model
  if (isNew)
    for (const v of broker.vhosts.values()) applyVhostDefaults(settings.vhostDefaults, broker, users, v)
  for (const name of settings.vhosts) if (!broker.vhosts.has(name)) broker.setVhost(vhostInfo({ name }))
  if (settings.users !== undefined) for (const u of settings.users) setUser(model, u)
  else if (isNew && settings.defaultUser !== undefined) setUser(model, settings.defaultUser)
  if (settings.definitions !== undefined) {
    const { loadDefinitionFiles } = await import('../definitions/files.ts')
    await loadDefinitionFiles(model, settings.definitions, settings.skipUnchangedDefinitions)
  }
  await model.commit.flush()
}

export function setUser(
  { broker, users }: Model,
  { name, password, tags = [], permissions }: UserOptions,
): void {
  users.set({ name, password: newPasswordHashSync(password, users.hashing), tags, limits: {} })
  const all = [...broker.vhosts.keys()].map((v) => [v, EVERYTHING] as const)
  for (const [vhost, p] of permissions === undefined ? all : Object.entries(permissions))
    users.setPermission(name, vhost, p)
}
