/** The JSON report: everything, and it can be read again. */
import t from 'tap'
import { formatJson } from '../../../conformance/report/json.ts'
import { SAMPLE } from '../../support/sample-report.ts'

t.test('it is the report', async t => {
  t.same(JSON.parse(formatJson(SAMPLE)), SAMPLE)
})
