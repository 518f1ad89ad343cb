/**
 * What a process has used, from the system and without asking it: asking would cost it something, and a process under
 * load answers late. On systems without /proc there is no answer here, and the process has to be asked.
 *
 * Of processor time Linux keeps two accounts. The scheduler's, of each thread, is in nanoseconds but loses a thread that
 * ends; the process's own is in ticks of 10 ms and loses nothing. So the first one counts, unless the second one shows
 * that a thread has taken time with it.
 */
import { readdirSync, readFileSync } from 'node:fs'

export interface ProcessorTime {
  /** Microseconds by thread. */
  readonly threads: ReadonlyMap<string, number>
  /** Microseconds of the whole process, to 10,000. */
  readonly ticks: number
}

/** USER_HZ, which is 100 on every architecture that Node runs on. */
const TICK = 10_000

/** Undefined where the system does not tell. */
export function processorTime(pid: number): ProcessorTime | undefined {
  try {
    const threads = new Map<string, number>()
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      try {
        const [nanoseconds = ''] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')
        threads.set(thread, Number(nanoseconds) / 1000)
      } catch {
        // It has just ended.
      }
    }
    return { threads, ticks: parseTicks(readFileSync(`/proc/${pid}/stat`, 'latin1')) }
  } catch {
    return undefined
  }
}

/** Fields 14 and 15 of proc_pid_stat(5), user and system; the second field may hold spaces and parentheses. */
export function parseTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK
}

/** Microseconds between two looks. */
export function timeBetween(before: ProcessorTime, after: ProcessorTime): number {
  let fine = 0
  for (const [thread, time] of after.threads) fine += time - (before.threads.get(thread) ?? 0)
  const coarse = after.ticks - before.ticks
  return coarse - fine > Math.max(3 * TICK, 0.05 * fine) ? coarse : fine
}

/** Bytes; undefined where the system does not tell. */
export function residentSize(pid: number): number | undefined {
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
  } catch {
    return undefined
  }
}

/** The processors that this process may run on; undefined where the system does not tell. */
export function allowedProcessors(): readonly number[] | undefined {
  try {
    const [, list] = /^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? []
    return list === undefined ? undefined : parseProcessorList(list)
  } catch {
    return undefined
  }
}

/** `0-2,5` is 0, 1, 2 and 5. */
export function parseProcessorList(list: string): number[] {
  return list.split(',').flatMap(range => {
    const [first = Number.NaN, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, n) => first + n)
  })
}
