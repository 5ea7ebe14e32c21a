// sarama, driven by lines (driver.ts).
package main

import (
	"context"
	"errors"
	"time"

	"github.com/IBM/sarama"

	"varve.test/clients/lines"
)

var (
	opened sarama.ClusterAdmin
	member sarama.ConsumerGroup
	stop   context.CancelFunc
	ended  chan struct{}

	transaction sarama.SyncProducer
)

var codecs = map[string]sarama.CompressionCodec{
	"none":   sarama.CompressionNone,
	"gzip":   sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy,
	"lz4":    sarama.CompressionLZ4,
	"zstd":   sarama.CompressionZSTD,
}

func config() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.MaxWaitTime = 100 * time.Millisecond
	return config
}

func admin() (sarama.ClusterAdmin, error) {
	if opened != nil {
		return opened, nil
	}
	var err error
	opened, err = sarama.NewClusterAdmin([]string{lines.Address()}, config())
	return opened, err
}

func produce(c lines.Command) (any, error) {
	config := config()
	config.Producer.Compression = codecs[c.Codec]
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Idempotent = c.Idempotent
	config.Net.MaxOpenRequests = 1
	producer, err := sarama.NewSyncProducer([]string{lines.Address()}, config)
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	return nil, producer.SendMessages(messagesOf(c))
}

func messagesOf(c lines.Command) []*sarama.ProducerMessage {
	messages := make([]*sarama.ProducerMessage, len(c.Records))
	for i, r := range c.Records {
		message := &sarama.ProducerMessage{Topic: c.Topic, Partition: r.Partition, Timestamp: time.UnixMilli(r.Timestamp)}
		if r.Key != nil {
			message.Key = sarama.ByteEncoder(r.Key)
		}
		if r.Value != nil {
			message.Value = sarama.ByteEncoder(r.Value)
		}
		for _, h := range r.Headers {
			message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(h.Name), Value: h.Value})
		}
		messages[i] = message
	}
	return messages
}

// transactional is a producer that has begun a transaction.
func transactional(c lines.Command) (sarama.SyncProducer, error) {
	config := config()
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Idempotent = true
	config.Producer.Transaction.ID = c.TransactionalID
	config.Net.MaxOpenRequests = 1
	producer, err := sarama.NewSyncProducer([]string{lines.Address()}, config)
	if err != nil {
		return nil, err
	}
	return producer, producer.BeginTxn()
}

func begin(c lines.Command) (any, error) {
	var err error
	if transaction, err = transactional(c); err != nil {
		return nil, err
	}
	return nil, transaction.SendMessages(messagesOf(c))
}

func end(c lines.Command) (any, error) {
	defer transaction.Close()
	if c.Commit {
		return nil, transaction.CommitTxn()
	}
	return nil, transaction.AbortTxn()
}

// transformer handles its claims until it has read so many messages, and gives each on with the session that it came in.
type transformer struct {
	read chan<- read
}

type read struct {
	session sarama.ConsumerGroupSession
	message *sarama.ConsumerMessage
}

func (transformer) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (transformer) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (t transformer) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		select {
		case t.read <- read{session, message}:
		case <-session.Context().Done():
		}
	}
	return nil
}

func transform(c lines.Command) (any, error) {
	config := config()
	config.Consumer.IsolationLevel = sarama.ReadCommitted
	config.Consumer.Offsets.AutoCommit.Enable = false
	group, err := sarama.NewConsumerGroup([]string{lines.Address()}, c.Group, config)
	if err != nil {
		return nil, err
	}
	defer group.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	messages := make(chan read)
	go group.Consume(ctx, []string{c.Topic}, transformer{messages})
	if transaction, err = transactional(c); err != nil {
		return nil, err
	}
	for range c.Count {
		one := <-messages
		message := &sarama.ProducerMessage{
			Topic: c.To, Key: sarama.ByteEncoder(one.message.Key), Value: sarama.ByteEncoder(one.message.Value),
		}
		if _, _, err := transaction.SendMessage(message); err != nil {
			return nil, err
		}
		who := &sarama.ConsumerGroupMetadata{
			GroupID: c.Group, GenerationID: one.session.GenerationID(), MemberID: one.session.MemberID(),
		}
		if err := transaction.AddMessageToTxnWithGroupMetadata(one.message, who, nil); err != nil {
			return nil, err
		}
	}
	return end(c)
}

func shown(m *sarama.ConsumerMessage) lines.Record {
	headers := []lines.Header{}
	for _, h := range m.Headers {
		headers = append(headers, lines.Header{Name: string(h.Key), Value: h.Value})
	}
	return lines.Record{
		Partition: m.Partition, Offset: m.Offset, Timestamp: m.Timestamp.UnixMilli(), Key: m.Key, Value: m.Value, Headers: headers,
	}
}

func consume(c lines.Command) (any, error) {
	config := config()
	if c.Committed {
		config.Consumer.IsolationLevel = sarama.ReadCommitted
	}
	consumer, err := sarama.NewConsumer([]string{lines.Address()}, config)
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	messages := make(chan *sarama.ConsumerMessage)
	for i := range c.Partitions {
		partition, err := consumer.ConsumePartition(c.Topic, i, sarama.OffsetOldest)
		if err != nil {
			return nil, err
		}
		defer partition.AsyncClose()
		go func() {
			for message := range partition.Messages() {
				messages <- message
			}
		}()
	}
	found := []lines.Record{}
	for len(found) < c.Count {
		found = append(found, shown(<-messages))
	}
	return found, nil
}

type handler struct{}

func (handler) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		lines.Handled(shown(message))
		session.MarkMessage(message, "")
		session.Commit()
	}
	return nil
}

func join(c lines.Command) (any, error) {
	config := config()
	config.Consumer.Group.Session.Timeout = 6 * time.Second
	config.Consumer.Group.Heartbeat.Interval = 200 * time.Millisecond
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRange()}
	config.Consumer.Offsets.AutoCommit.Enable = false
	var err error
	member, err = sarama.NewConsumerGroup([]string{lines.Address()}, c.Group, config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	stop = cancel
	ended = make(chan struct{})
	go poll(ctx, c.Topic)
	return nil, nil
}

func poll(ctx context.Context, topic string) {
	defer close(ended)
	for ctx.Err() == nil {
		if err := member.Consume(ctx, []string{topic}, handler{}); errors.Is(err, sarama.ErrClosedConsumerGroup) {
			return
		}
	}
}

func leave(lines.Command) (any, error) {
	if member == nil {
		return nil, nil
	}
	stop()
	<-ended
	leaving := member
	member = nil
	return nil, leaving.Close()
}

func main() {
	lines.Serve(map[string]lines.Do{
		"produce": produce, "consume": consume, "join": join, "leave": leave,
		"begin": begin, "end": end, "transform": transform,
		"createTopic":     administer(createTopic),
		"listTopics":      administer(listTopics),
		"describeTopic":   administer(describeTopic),
		"addPartitions":   administer(addPartitions),
		"describeConfigs": administer(describeConfigs),
		"alterConfigs":    administer(alterConfigs),
		"deleteTopic":     administer(deleteTopic),
		"listGroups":      administer(listGroups),
		"describeGroup":   administer(describeGroup),
		"deleteGroup":     administer(deleteGroup),
	})
}

func administer(do func(sarama.ClusterAdmin, lines.Command) (any, error)) lines.Do {
	return func(c lines.Command) (any, error) {
		admin, err := admin()
		if err != nil {
			return nil, err
		}
		return do(admin, c)
	}
}

func createTopic(admin sarama.ClusterAdmin, c lines.Command) (any, error) {
	entries := map[string]*string{}
	for name, value := range c.Configs {
		entries[name] = &value
	}
	detail := &sarama.TopicDetail{NumPartitions: c.Partitions, ReplicationFactor: 1, ConfigEntries: entries}
	return nil, admin.CreateTopic(c.Topic, detail, false)
}

func listTopics(admin sarama.ClusterAdmin, _ lines.Command) (any, error) {
	topics, err := admin.ListTopics()
	return names(topics), err
}

func describeTopic(admin sarama.ClusterAdmin, c lines.Command) (any, error) {
	topics, err := admin.DescribeTopics([]string{c.Topic})
	if err != nil {
		return nil, err
	}
	return len(topics[0].Partitions), nil
}

func addPartitions(admin sarama.ClusterAdmin, c lines.Command) (any, error) {
	return nil, admin.CreatePartitions(c.Topic, int32(c.Count), nil, false)
}

func describeConfigs(admin sarama.ClusterAdmin, c lines.Command) (any, error) {
	entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: c.Topic})
	configs := map[string]string{}
	for _, entry := range entries {
		configs[entry.Name] = entry.Value
	}
	return configs, err
}

func alterConfigs(admin sarama.ClusterAdmin, c lines.Command) (any, error) {
	entries := map[string]sarama.IncrementalAlterConfigsEntry{}
	for name, value := range c.Configs {
		entries[name] = sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value}
	}
	return nil, admin.IncrementalAlterConfig(sarama.TopicResource, c.Topic, entries, false)
}

func deleteTopic(admin sarama.ClusterAdmin, c lines.Command) (any, error) {
	return nil, admin.DeleteTopic(c.Topic)
}

func listGroups(admin sarama.ClusterAdmin, _ lines.Command) (any, error) {
	groups, err := admin.ListConsumerGroups()
	return names(groups), err
}

func describeGroup(admin sarama.ClusterAdmin, c lines.Command) (any, error) {
	groups, err := admin.DescribeConsumerGroups([]string{c.Group})
	if err != nil {
		return nil, err
	}
	return lines.DescribedGroup{State: groups[0].State, Members: len(groups[0].Members)}, nil
}

func deleteGroup(admin sarama.ClusterAdmin, c lines.Command) (any, error) {
	return nil, admin.DeleteConsumerGroup(c.Group)
}

func names[V any](of map[string]V) []string {
	found := []string{}
	for name := range of {
		found = append(found, name)
	}
	return found
}
