// franz-go, driven by lines (driver.ts).
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"varve.test/clients/lines"
)

var (
	ctx    = context.Background()
	admin  *kadm.Client
	member *kgo.Client
	ended  chan struct{}

	transaction *kgo.Client
)

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func client(options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(options, kgo.SeedBrokers(lines.Address()))...)
}

func produce(c lines.Command) (any, error) {
	options := []kgo.Opt{
		kgo.ProducerBatchCompression(codecs[c.Codec]),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(20 * time.Millisecond),
	}
	if !c.Idempotent {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	producer, err := client(options...)
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	return nil, producer.ProduceSync(ctx, recordsOf(c)...).FirstErr()
}

func recordsOf(c lines.Command) []*kgo.Record {
	records := make([]*kgo.Record, len(c.Records))
	for i, r := range c.Records {
		record := &kgo.Record{
			Topic: c.Topic, Partition: r.Partition, Timestamp: time.UnixMilli(r.Timestamp), Key: r.Key, Value: r.Value,
		}
		for _, h := range r.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: h.Name, Value: h.Value})
		}
		records[i] = record
	}
	return records
}

func begin(c lines.Command) (any, error) {
	var err error
	transaction, err = client(kgo.TransactionalID(c.TransactionalID), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return nil, err
	}
	if err := transaction.BeginTransaction(); err != nil {
		return nil, err
	}
	return nil, transaction.ProduceSync(ctx, recordsOf(c)...).FirstErr()
}

func end(c lines.Command) (any, error) {
	defer transaction.Close()
	return nil, transaction.EndTransaction(ctx, kgo.TransactionEndTry(c.Commit))
}

func transform(c lines.Command) (any, error) {
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(lines.Address()), kgo.TransactionalID(c.TransactionalID),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumerGroup(c.Group), kgo.ConsumeTopics(c.Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.RequireStableFetchOffsets(), kgo.FetchMaxWait(100*time.Millisecond),
	)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	if err := session.Begin(); err != nil {
		return nil, err
	}
	for left := c.Count; left > 0; {
		fetches := session.PollRecords(ctx, left)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		for _, record := range fetches.Records() {
			made := &kgo.Record{Topic: c.To, Key: record.Key, Value: record.Value}
			if err := session.ProduceSync(ctx, made).FirstErr(); err != nil {
				return nil, err
			}
			left--
		}
	}
	committed, err := session.End(ctx, kgo.TransactionEndTry(c.Commit))
	if err == nil && committed != c.Commit {
		err = fmt.Errorf("committed: %v, not %v", committed, c.Commit)
	}
	return nil, err
}

func shown(r *kgo.Record) lines.Record {
	headers := []lines.Header{}
	for _, h := range r.Headers {
		headers = append(headers, lines.Header{Name: h.Key, Value: h.Value})
	}
	return lines.Record{
		Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp.UnixMilli(), Key: r.Key, Value: r.Value, Headers: headers,
	}
}

func consume(c lines.Command) (any, error) {
	options := []kgo.Opt{kgo.ConsumeTopics(c.Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}
	if c.Committed {
		options = append(options, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
	consumer, err := client(options...)
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	found := []lines.Record{}
	for len(found) < c.Count {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(r *kgo.Record) { found = append(found, shown(r)) })
	}
	return found, nil
}

func join(c lines.Command) (any, error) {
	var err error
	member, err = client(
		kgo.ConsumerGroup(c.Group), kgo.ConsumeTopics(c.Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(), kgo.SessionTimeout(6*time.Second), kgo.HeartbeatInterval(200*time.Millisecond),
		kgo.FetchMaxWait(100*time.Millisecond),
	)
	if err != nil {
		return nil, err
	}
	ended = make(chan struct{})
	go poll(member)
	return nil, nil
}

func poll(member *kgo.Client) {
	defer close(ended)
	for {
		fetches := member.PollFetches(ctx)
		if fetches.IsClientClosed() {
			return
		}
		fetches.EachRecord(func(r *kgo.Record) { lines.Handled(shown(r)) })
		if err := member.CommitRecords(ctx, fetches.Records()...); errors.Is(err, kgo.ErrClientClosed) {
			return
		}
	}
}

func leave(lines.Command) (any, error) {
	if member != nil {
		member.Close()
		<-ended
		member = nil
	}
	return nil, nil
}

func createTopic(c lines.Command) (any, error) {
	configs := map[string]*string{}
	for name, value := range c.Configs {
		configs[name] = &value
	}
	_, err := admin.CreateTopic(ctx, c.Partitions, 1, configs, c.Topic)
	return nil, err
}

func describeTopic(c lines.Command) (any, error) {
	topics, err := admin.ListTopics(ctx, c.Topic)
	return len(topics[c.Topic].Partitions), errors.Join(err, topics.Error())
}

func describeConfigs(c lines.Command) (any, error) {
	described, err := admin.DescribeTopicConfigs(ctx, c.Topic)
	if err != nil {
		return nil, err
	}
	configs := map[string]string{}
	for _, config := range described[0].Configs {
		configs[config.Key] = config.MaybeValue()
	}
	return configs, described[0].Err
}

func alterConfigs(c lines.Command) (any, error) {
	changes := []kadm.AlterConfig{}
	for name, value := range c.Configs {
		changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: &value})
	}
	answers, err := admin.AlterTopicConfigs(ctx, changes, c.Topic)
	if err != nil {
		return nil, err
	}
	return nil, answers[0].Err
}

func main() {
	kafka, err := client()
	if err != nil {
		panic(err)
	}
	admin = kadm.NewClient(kafka)
	lines.Serve(map[string]lines.Do{
		"produce": produce, "consume": consume, "join": join, "leave": leave, "createTopic": createTopic,
		"begin": begin, "end": end, "transform": transform,
		"describeTopic": describeTopic, "describeConfigs": describeConfigs, "alterConfigs": alterConfigs,
		"listTopics": func(lines.Command) (any, error) {
			topics, err := admin.ListTopics(ctx)
			return topics.Names(), err
		},
		"addPartitions": func(c lines.Command) (any, error) {
			answers, err := admin.UpdatePartitions(ctx, c.Count, c.Topic)
			return nil, errors.Join(err, answers.Error())
		},
		"deleteTopic": func(c lines.Command) (any, error) {
			answers, err := admin.DeleteTopics(ctx, c.Topic)
			return nil, errors.Join(err, answers.Error())
		},
		"listGroups": func(lines.Command) (any, error) {
			groups, err := admin.ListGroups(ctx)
			return groups.Groups(), err
		},
		"describeGroup": func(c lines.Command) (any, error) {
			groups, err := admin.DescribeGroups(ctx, c.Group)
			group, ok := groups[c.Group]
			if err != nil || !ok {
				return nil, fmt.Errorf("no group %s: %w", c.Group, err)
			}
			return lines.DescribedGroup{State: group.State, Members: len(group.Members)}, group.Err
		},
		"deleteGroup": func(c lines.Command) (any, error) {
			answers, err := admin.DeleteGroups(ctx, c.Group)
			return nil, errors.Join(err, answers.Error())
		},
	})
}
