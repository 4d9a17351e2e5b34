// Reads how endpoints are chosen, left out and tried again. Part of ConfigReader's callers; belongs to one load.
#pragma once

#include <span>

#include "control/config_reader.h"
#include "model/cluster.h"
#include "model/routes.h"

namespace remora::control {

// The keys of a service that this is about.
void readResilience(ConfigReader& reader, Fields& service, model::Cluster& cluster);
void readRetry(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::Retry& retry);

// Of the keys that say what of a request is meant, the one that was given.
model::HashKey readHashKeyKind(ConfigReader& reader, Fields& fields);

// "500/s"
bool readRate(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::RateLimit& limit);
// Of the keys of `rate_limit` those that say how often, and for whom.
void readRateLimit(ConfigReader& reader, Fields& fields, model::RateLimit& limit);

void readSplitBy(ConfigReader& reader, const Place& place, std::span<const Form> forms, model::Forward& forward);
void readHedge(ConfigReader& reader, const Place& place, std::span<const Form> forms,
               std::optional<model::Hedge>& hedge);
void readFault(ConfigReader& reader, const Place& place, model::Fault& fault);

}  // namespace remora::control
