/*
 * Prints test/fixtures/assignors/cases.json: what Kafka's own assignors make of random groups, one case a line.
 *
 *   test/oracle/kafka install
 *   java -Dlog4j2.level=off -cp "$HOME/.cache/varve-kafka/libs/*" test/oracle/AssignorCases.java > test/fixtures/assignors/cases.json
 *
 * Each chain of cases begins with members that have nothing; every next one has what the sticky assignor gave in the one before,
 * after something has happened: members came, left, changed their topics, forgot or doubled their claims, topics grew. No member is
 * without topics, which the sticky assignor takes for one with all topics of the others.
 */
import java.util.*;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.internals.AbstractPartitionAssignor;
import org.apache.kafka.common.TopicPartition;

public class AssignorCases {
  static final int CHAINS = 45;
  static final int LENGTH = 6;
  static final Random random = new Random(4711);

  static class Member {
    String id = (random.nextBoolean() ? "consumer-" : "m") + Long.toHexString(random.nextLong());
    String instance = random.nextInt(4) == 0 ? "i" + random.nextInt(1000) : null;
    List<String> topics;
    List<TopicPartition> owned = new ArrayList<>();
    int generation = -1;
  }

  public static void main(String[] args) {
    List<String> lines = new ArrayList<>();
    for (int chain = 0; chain < CHAINS; chain++) {
      boolean sameTopics = random.nextInt(3) > 0;
      Map<String, Integer> counts = new HashMap<>();
      for (int t = 1 + random.nextInt(4); t > 0; t--) counts.put("t" + random.nextInt(30), 1 + random.nextInt(chain % 10 == 9 ? 20 : 7));
      List<Member> members = new ArrayList<>();
      for (int m = 1 + random.nextInt(chain % 10 == 9 ? 20 : 5); m > 0; m--) members.add(newMember(counts, sameTopics));
      for (int step = 0; step < LENGTH; step++) {
        Map<String, List<TopicPartition>> sticky;
        try {
          sticky = assign(new CooperativeStickyAssignor(), counts, members);
        } catch (RuntimeException itsOwnBug) {
          System.err.println(itsOwnBug);
          break;
        }
        lines.add(String.format("{\"topics\":%s,\"members\":[%s],\"range\":%s,\"roundrobin\":%s,\"cooperative-sticky\":%s}",
          counts.entrySet().stream().map(e -> quote(e.getKey()) + ":" + e.getValue()).collect(Collectors.joining(",", "{", "}")),
          members.stream().map(AssignorCases::json).collect(Collectors.joining(",")),
          json(assign(new RangeAssignor(), counts, members)), json(assign(new RoundRobinAssignor(), counts, members)), json(sticky)));
        for (Member member : members) {
          if (random.nextInt(8) == 0) continue;
          member.owned = sticky.get(member.id);
          member.generation = step + 1;
        }
        happen(counts, members, sameTopics);
      }
    }
    System.out.println("[\n" + String.join(",\n", lines) + "\n]");
  }

  static void happen(Map<String, Integer> counts, List<Member> members, boolean sameTopics) {
    if (random.nextInt(3) == 0) members.add(newMember(counts, sameTopics));
    if (random.nextInt(3) == 0 && members.size() > 1) members.remove(random.nextInt(members.size()));
    if (random.nextInt(5) == 0) members.forEach(member -> member.generation = -1);
    if (random.nextInt(5) == 0) {
      Member one = members.get(random.nextInt(members.size())), other = members.get(random.nextInt(members.size()));
      one.owned = new ArrayList<>(other.owned);
      if (random.nextBoolean()) one.generation = other.generation;
    }
    if (random.nextInt(4) == 0) counts.computeIfPresent(counts.keySet().iterator().next(), (topic, n) -> n + 1 + random.nextInt(2));
    if (random.nextInt(4) == 0) {
      counts.put("t" + random.nextInt(30), 1 + random.nextInt(5));
      if (sameTopics) for (Member member : members) member.topics = new ArrayList<>(counts.keySet());
    }
    if (!sameTopics && random.nextInt(2) == 0) members.get(random.nextInt(members.size())).topics = someOf(counts);
  }

  static Member newMember(Map<String, Integer> counts, boolean sameTopics) {
    Member member = new Member();
    member.topics = sameTopics ? new ArrayList<>(counts.keySet()) : someOf(counts);
    return member;
  }

  static List<String> someOf(Map<String, Integer> counts) {
    List<String> topics = counts.keySet().stream().filter(topic -> random.nextInt(3) > 0).collect(Collectors.toCollection(ArrayList::new));
    if (random.nextInt(6) == 0 || topics.isEmpty()) topics.add("missing");
    return topics;
  }

  static Map<String, List<TopicPartition>> assign(AbstractPartitionAssignor assignor, Map<String, Integer> counts, List<Member> members) {
    Map<String, Subscription> subscriptions = new HashMap<>();
    Set<String> wanted = new HashSet<>();
    for (Member member : members) {
      Subscription subscription = new Subscription(member.topics, null, member.owned, member.generation, Optional.empty());
      subscription.setGroupInstanceId(Optional.ofNullable(member.instance));
      subscriptions.put(member.id, subscription);
      wanted.addAll(member.topics);
    }
    Map<String, Integer> existing = new HashMap<>(counts);
    existing.keySet().retainAll(wanted);
    return assignor.assign(existing, subscriptions);
  }

  static String json(Member member) {
    return String.format("{\"memberId\":%s,\"groupInstanceId\":%s,\"topics\":[%s],\"owned\":%s,\"generationId\":%d}", quote(member.id),
      member.instance == null ? "null" : quote(member.instance), member.topics.stream().map(AssignorCases::quote).collect(Collectors.joining(",")),
      json(member.owned), member.generation);
  }

  static String json(Map<String, List<TopicPartition>> assignment) {
    return new TreeMap<>(assignment).entrySet().stream().map(e -> quote(e.getKey()) + ":" + json(e.getValue())).collect(Collectors.joining(",", "{", "}"));
  }

  static String json(List<TopicPartition> partitions) {
    return partitions.stream().map(tp -> tp.topic() + "-" + tp.partition()).sorted().map(AssignorCases::quote).collect(Collectors.joining(",", "[", "]"));
  }

  static String quote(String text) {
    return '"' + text + '"';
  }
}
