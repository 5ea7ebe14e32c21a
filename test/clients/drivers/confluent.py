"""confluent-kafka, driven by lines (driver.ts)."""

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from lines import Member, address, from_base64, say, serve, shown

members = []
transactions = []
admin = AdminClient({"bootstrap.servers": address})


def produce(topic, codec, idempotent, records):
    producer = Producer(
        {"bootstrap.servers": address, "compression.type": codec, "enable.idempotence": idempotent, "linger.ms": 20}
    )
    send(producer, topic, records)


def send(producer, topic, records):
    errors = []
    for record in records:
        producer.produce(
            topic,
            partition=record["partition"],
            timestamp=record["timestamp"],
            key=from_base64(record["key"]),
            value=from_base64(record["value"]),
            headers=[(name, from_base64(value)) for name, value in record["headers"]],
            on_delivery=lambda error, _: error and errors.append(error),
        )
    producer.flush()
    if errors:
        raise RuntimeError(errors[0].str())


def transactional(transactional_id):
    producer = Producer({"bootstrap.servers": address, "transactional.id": transactional_id})
    producer.init_transactions(30)
    producer.begin_transaction()
    transactions.append(producer)
    return producer


def begin(transactionalId, topic, records):
    send(transactional(transactionalId), topic, records)


def end(commit):
    producer = transactions.pop()
    if commit:
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)


def transform(transactionalId, topic, group, to, count, commit):
    consumer = consumer_of(group, True)
    consumer.subscribe([topic])
    read = []
    while len(read) < count:
        message = consumer.poll(0.1)
        if message is not None and not message.error():
            read.append(message)
    producer = transactional(transactionalId)
    for message in read:
        producer.produce(to, partition=0, key=message.key(), value=message.value())
    positions = consumer.position(consumer.assignment())
    producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata(), 30)
    end(commit)
    consumer.close()


def show(message):
    return shown(
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        message.headers(),
    )


def consumer_of(group, committed=False):
    return Consumer(
        {
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "bootstrap.servers": address,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 200,
            "fetch.wait.max.ms": 100,
        }
    )


def consume(topic, partitions, count, committed=False):
    consumer = consumer_of("none", committed)
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(partitions)])
    found = []
    while len(found) < count:
        message = consumer.poll(0.1)
        if message is None:
            continue
        if message.error():
            raise RuntimeError(message.error().str())
        found.append(show(message))
    consumer.close()
    return found


def join(topic, group):
    consumer = consumer_of(group)
    consumer.subscribe([topic])

    def poll():
        message = consumer.poll(0.1)
        if message is not None and not message.error():
            say({"handled": show(message)})
            consumer.commit(message, asynchronous=False)

    members.append(Member(poll, consumer.close))


def leave():
    while members:
        members.pop().leave()


def done(futures):
    for future in futures.values():
        future.result()


def resource(topic):
    return ConfigResource(ResourceType.TOPIC, topic)


def describe_configs(topic):
    [future] = admin.describe_configs([resource(topic)]).values()
    return {name: entry.value for name, entry in future.result().items()}


def alter_configs(topic, configs):
    changed = resource(topic)
    for name, value in configs.items():
        changed.add_incremental_config(ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET))
    done(admin.incremental_alter_configs([changed]))


def describe_group(group):
    described = admin.describe_consumer_groups([group])[group].result()
    return {"state": described.state.name.title(), "members": len(described.members)}


if __name__ == "__main__":
    serve(
        {
            "produce": produce,
            "consume": consume,
            "begin": begin,
            "end": end,
            "transform": transform,
            "join": join,
            "leave": leave,
            "createTopic": lambda topic, partitions, configs: done(
                admin.create_topics([NewTopic(topic, partitions, 1, config=configs)])
            ),
            "listTopics": lambda: list(admin.list_topics(timeout=10).topics),
            "describeTopic": lambda topic: len(admin.list_topics(topic, timeout=10).topics[topic].partitions),
            "addPartitions": lambda topic, count: done(admin.create_partitions([NewPartitions(topic, count)])),
            "describeConfigs": describe_configs,
            "alterConfigs": alter_configs,
            "deleteTopic": lambda topic: done(admin.delete_topics([topic])),
            "listGroups": lambda: [group.group_id for group in admin.list_consumer_groups().result().valid],
            "describeGroup": describe_group,
            "deleteGroup": lambda group: done(admin.delete_consumer_groups([group])),
        },
        leave,
    )
