/** Whom the clocks of this process count for: a connection that is closed must not be among them. */
import { TickClock, type Ticking } from '../../lib/transport/tick-clock.ts'

const members = new Set<Ticking>()
export const clockMembers: ReadonlySet<Ticking> = members

const { add, remove } = TickClock.prototype
TickClock.prototype.add = function (member) {
  members.add(member)
  add.call(this, member)
}
TickClock.prototype.remove = function (member) {
  members.delete(member)
  remove.call(this, member)
}
