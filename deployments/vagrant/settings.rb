# What the configuration says: configs/tree.yaml, over it the file that XYLEM_CONFIG names, over both the
# XYLEM_ variables, in that order as in the binary. Only what the plan needs is read and checked here, in the
# usual spellings; the binary, which is built before anything starts, checks everything.

require 'yaml'

module Xylem
  # Problem is an error that is told in one line and needs no backtrace.
  class Problem < StandardError; end

  # Settings are the values that count, by dotted key.
  class Settings
    DEFAULTS = 'configs/tree.yaml'.freeze
    SECRETS = %w[auth.cluster_secret coordinator.zookeeper.credentials].freeze # no file has them: the binary refuses that
    SECONDS = { 'ns' => 1e-9, 'us' => 1e-6, 'ms' => 1e-3, 's' => 1, 'm' => 60, 'h' => 3600 }.freeze

    # file is the one that counts, which the containers get too; variables are what of the environment
    # overrides it.
    attr_reader :file, :variables

    def initialize(root, environ)
      defaults = File.join(root, DEFAULTS)
      named = environ['XYLEM_CONFIG'].to_s
      @file = named.empty? ? defaults : File.expand_path(named)
      known = read(defaults)
      @values = @file == defaults ? known : known.merge(only(known, read(@file)))
      @variables = known.keys.map { |key| [variable(key), key] }.select { |name, _| !environ[name].to_s.empty? }
                        .to_h { |name, key| [name, @values[key] = environ[name]] }
    end

    def to_h
      @values
    end

    def text(key)
      @values[key].to_s
    end

    def integer(key, allowed)
      number = Integer(text(key), 10, exception: false)
      return number if number && allowed.cover?(number)

      raise refusal(key, "allowed is #{allowed.min} to #{allowed.max}")
    end

    # seconds reads a duration such as 1s, 500ms, 1m30s. Go takes some that are refused here: +1s, 5µs.
    def seconds(key)
      parts = text(key).scan(/([0-9.]+)(ns|us|ms|s|m|h)/)
      return parts.sum { |number, unit| number.to_f * SECONDS[unit] } if !parts.empty? && parts.join == text(key)
      return 0 if text(key) == '0'

      raise refusal(key, 'allowed is a duration such as 500ms or 1s')
    end

    def refusal(key, allowed)
      from = @variables.key?(variable(key)) ? variable(key) : @file
      Problem.new("#{from}: #{key} is #{text(key).inspect}: #{allowed}")
    end

    private

    def variable(key)
      'XYLEM_' + key.upcase.tr('.', '_')
    end

    # only refuses keys that there are not. What stands for a whole section may be empty; that it is nothing
    # else is for the binary to see.
    def only(known, given)
      unknown = (given.keys - known.keys - SECRETS).find { |key| known.keys.none? { |other| other.start_with?("#{key}.") } }
      return given unless unknown

      raise Problem, "#{@file}: unknown key #{unknown.inspect}: #{DEFAULTS} has them all"
    end

    def read(file)
      content = YAML.safe_load(File.read(file, encoding: 'UTF-8'), aliases: true)
      return {} if content.nil?
      raise Problem, "#{file}: is no configuration: the keys are missing" unless content.is_a?(Hash)

      flat(content)
    rescue SystemCallError => e
      what = { Errno::ENOENT => 'there is no such file', Errno::EISDIR => 'is a directory' }[e.class] || "cannot be read (#{e.class.name[/\w+$/]})"
      raise Problem, "#{file}: #{what}: XYLEM_CONFIG names a YAML file, or nothing for #{DEFAULTS}"
    rescue Psych::SyntaxError => e
      raise Problem, "#{file}:#{e.line}: is not valid YAML, here or just after: #{[e.problem, e.context].compact.join(' ')}"
    rescue Psych::Exception, ArgumentError => e
      raise Problem, "#{file}: is not valid YAML: #{e.message.lines.join(' ').strip}"
    end

    def flat(section, path = '')
      section.each_with_object({}) do |(name, value), keys|
        value.is_a?(Hash) ? keys.merge!(flat(value, "#{path}#{name}.")) : keys["#{path}#{name}"] = value
      end
    end
  end
end
