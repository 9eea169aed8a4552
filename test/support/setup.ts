/** Before each test file. */
import { afterAll } from 'vitest'
import { endChildren } from './children.ts'
import { cheapPasswords } from './password-cost.ts'

cheapPasswords()

// Registered first, so the last to run.
afterAll(endChildren)
