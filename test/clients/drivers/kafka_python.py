"""kafka-python, driven by lines (driver.ts)."""

from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic

from lines import Member, address, from_base64, say, serve, shown

members = []
transactions = []
administrators = []


def admin():
    if not administrators:
        administrators.append(KafkaAdminClient(bootstrap_servers=address))
    return administrators[0]


def produce(topic, codec, idempotent, records):
    producer = KafkaProducer(
        bootstrap_servers=address,
        compression_type=None if codec == "none" else codec,
        enable_idempotence=idempotent,
        acks="all",
        linger_ms=20,
    )
    send(producer, topic, records)
    producer.close()


def send(producer, topic, records):
    sent = [
        producer.send(
            topic,
            partition=record["partition"],
            timestamp_ms=record["timestamp"],
            key=from_base64(record["key"]),
            value=from_base64(record["value"]),
            headers=[(name, from_base64(value)) for name, value in record["headers"]],
        )
        for record in records
    ]
    producer.flush()
    for future in sent:
        future.get()


def transactional(transactional_id):
    producer = KafkaProducer(bootstrap_servers=address, transactional_id=transactional_id)
    producer.init_transactions()
    producer.begin_transaction()
    transactions.append(producer)
    return producer


def begin(transactionalId, topic, records):
    send(transactional(transactionalId), topic, records)


def end(commit):
    producer = transactions.pop()
    try:
        if commit:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    finally:
        producer.close(timeout=1)


def transform(transactionalId, topic, group, to, count, commit):
    consumer = consumer_of(topic, group_id=group, isolation_level="read_committed")
    read = []
    while len(read) < count:
        for records in consumer.poll(timeout_ms=100).values():
            read.extend(records)
    del read[count:]
    producer = transactional(transactionalId)
    for record in read:
        producer.send(to, partition=0, key=record.key, value=record.value)
    offsets = {
        TopicPartition(topic, record.partition): OffsetAndMetadata(record.offset + 1, "", -1) for record in read
    }
    producer.send_offsets_to_transaction(offsets, consumer.group_metadata())
    end(commit)
    consumer.close()


def show(record):
    return shown(record.partition, record.offset, record.timestamp, record.key, record.value, record.headers)


def consume(topic, partitions, count, committed=False):
    consumer = KafkaConsumer(
        bootstrap_servers=address,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
        isolation_level="read_committed" if committed else "read_uncommitted",
    )
    consumer.assign([TopicPartition(topic, partition) for partition in range(partitions)])
    consumer.seek_to_beginning()
    found = []
    while len(found) < count:
        for records in consumer.poll(timeout_ms=100).values():
            found.extend(show(record) for record in records)
    consumer.close()
    return found


def consumer_of(topic, **configs):
    return KafkaConsumer(
        topic,
        bootstrap_servers=address,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=6000,
        heartbeat_interval_ms=200,
        fetch_max_wait_ms=100,
        **configs,
    )


def join(topic, group):
    consumer = consumer_of(topic, group_id=group)

    def poll():
        handled = [record for records in consumer.poll(timeout_ms=100).values() for record in records]
        for record in handled:
            say({"handled": show(record)})
        if handled:
            consumer.commit()

    members.append(Member(poll, consumer.close))


def leave():
    while members:
        members.pop().leave()


def create_topic(topic, partitions, configs):
    admin().create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)])


def describe_configs(topic):
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    configs = admin().describe_configs([resource], config_filter="all")["topic"][topic]
    return {name: config["value"] for name, config in configs.items()}


def describe_group(group):
    described = admin().describe_groups([group])[group]
    return {"state": described["group_state"], "members": len(described["members"])}


def close():
    leave()
    for client in administrators:
        client.close()


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
            "createTopic": create_topic,
            "listTopics": lambda: admin().list_topics(),
            "describeTopic": lambda topic: len(admin().describe_topics([topic])[0]["partitions"]),
            "addPartitions": lambda topic, count: admin().create_partitions({topic: count}) and None,
            "describeConfigs": describe_configs,
            "alterConfigs": lambda topic, configs: admin().alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, topic, configs)]
            )
            and None,
            "deleteTopic": lambda topic: admin().delete_topics([topic]) and None,
            "listGroups": lambda: [group["group_id"] for group in admin().list_groups()],
            "describeGroup": describe_group,
            "deleteGroup": lambda group: admin().delete_groups([group]) and None,
        },
        close,
    )
