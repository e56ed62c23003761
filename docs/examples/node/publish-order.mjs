// Publish one paid order with kafkajs, avsc and the .avsc file.
//   node publish-order.mjs BROKER REGISTRY FULL_TOPIC AVSC ORDER_ID
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import avro from 'avsc'
import { Kafka, Partitioners } from 'kafkajs'

const TYPE = 'org.openedx.commerce.order.paid.v1'
const [broker, registry, topic, path, orderId] = process.argv.slice(2)
const text = readFileSync(path, 'utf8')
const now = new Date().toISOString().replace('Z', '000+00:00') // always six digits and +00:00

// Optional fields that are left out are written as null.
const body = avro.Type.forSchema(JSON.parse(text)).toBuffer({
  order: {
    source: 'shop', order_id: orderId, order_key: `shop:${orderId}`, order_number: orderId, revision: 0,
    paid_at: now, occurred_at: now, is_test: false, email_opt_in: false,
    learner: { email: 'learner@example.com', email_verified: true },
    lines: [{ line_id: '1', product_kind: 'course_seat', course_key: 'course-v1:Demo+X+2026', mode: 'verified', quantity: 1 }],
  },
})

const answer = await fetch(`${registry}/subjects/${topic}-${TYPE}.CloudEvent/versions`, {
  method: 'POST',
  headers: { 'Content-Type': 'application/vnd.schemaregistry.v1+json' },
  body: JSON.stringify({ schema: text }),
  signal: AbortSignal.timeout(10_000),
})
if (!answer.ok) throw new Error(`registry: ${answer.status} ${await answer.text()}`)
const frame = Buffer.alloc(5)
frame.writeInt32BE((await answer.json()).id, 1)

const producer = new Kafka({ brokers: [broker] }).producer({
  createPartitioner: Partitioners.DefaultPartitioner, // murmur2, as Java
  idempotent: true,
})
await producer.connect()
try {
  // Throws if the broker did not take it: keep the order and send again.
  const [where] = await producer.send({
    topic,
    acks: -1,
    messages: [{
      key: `shop:${orderId}`, // plain UTF-8
      value: Buffer.concat([frame, body]),
      headers: { ce_type: TYPE, ce_id: randomUUID() },
    }],
  })
  console.log(where.topicName, where.partition, where.baseOffset)
} finally {
  await producer.disconnect()
}
