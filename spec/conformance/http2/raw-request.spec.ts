/** Requests in octets: what Node's HTTP/2 reads of them, and what is made of an answer. */
import { createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, connect, createServer } from 'node:net'
import t from 'tap'
import { answerTo, writeRawRequest } from '../../../conformance/http2/raw-request.ts'

const FIELDS = { ':method': 'GET', ':scheme': 'http', ':path': '/a', ':authority': 'b', 'x-some': 'c' }

t.test('preface, SETTINGS, HEADERS (RFC 9113 §3.4, §6.2)', async t => {
  t.equal(
    writeRawRequest({ ':method': 'GET' }).toString('hex'),
    `${Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n').toString('hex')}000000040000000000` +
      '00000d010400000001' +
      `0007${Buffer.from(':method').toString('hex')}03${Buffer.from('GET').toString('hex')}`,
  )
})

t.test('answers', async t => {
  let [path, status]: [unknown, number] = ['', 200]
  const server = createHttp2Server()
  server.on('stream', (stream, headers) => {
    path = headers[':path']
    stream.on('error', () => {})
    if (status === 0) stream.close(1)
    else stream.respond({ ':status': status })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const ask = async () => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
    socket.write(writeRawRequest(FIELDS))
    const answer = await answerTo(socket, 5)
    socket.destroy()
    return answer
  }
  t.equal(await ask(), 'taken')
  t.equal(path, '/a')
  for (status of [404, 503, 0]) t.equal(await ask(), 'refused', String(status))
  await new Promise(resolve => server.close(resolve))
})

t.test('the end of TCP, and silence', async t => {
  let ends = true
  const server = createServer(socket => void (ends ? socket.end() : socket.resume()))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const ask = async (pace: number) => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
    const answer = await answerTo(socket, pace)
    socket.destroy()
    return answer
  }
  t.equal(await ask(5), 'refused')
  ends = false
  t.equal(await ask(0.02), 'none')
  await new Promise(resolve => server.close(resolve))
})
